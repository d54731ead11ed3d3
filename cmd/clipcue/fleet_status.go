package main

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/fleet"
)

func (a *app) fleetStatusCommand() *cobra.Command {
	var b brokerFlags
	var asJSON, metrics bool
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show the progress of a fleet",
		Example: "  clipcue fleet status\n  clipcue fleet status --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := b.connect(nil)
			if err != nil {
				return err
			}
			defer client.Close()
			if metrics {
				return a.printMetrics(client)
			}
			s, err := client.Status(c.Context())
			switch {
			case err != nil:
				return err
			case asJSON:
				return a.json(s)
			}
			return a.printFleet(s)
		},
	}
	b.addClient(c)
	flags.JSON(c, &asJSON)
	c.Flags().BoolVar(&metrics, "prometheus", false, "print metrics in the text format of Prometheus")
	c.MarkFlagsMutuallyExclusive("json", "prometheus")
	return c
}

// printFleet prints the status of a fleet as text.
func (a *app) printFleet(s fleet.Status) error {
	rows := [][2]string{
		{"store", s.Store},
		{"finished", fmt.Sprint(s.Finished)},
		{"waiting", fmt.Sprint(s.Waiting)},
		{"spans", fmt.Sprintf("%d of long videos are not finished", s.Spans)},
		{"failed", fmt.Sprint(s.Failed)},
		{"speed", fmt.Sprintf("%.4g frames per second", s.FramesPerSecond)},
	}
	if s.Spans > 0 {
		rows = append(rows, [2]string{"spans", fmt.Sprintf("%d of long videos are not finished", s.Spans)})
	}
	if s.RemainingSeconds > 0 {
		rows = append(rows, [2]string{"remaining", duration(s.RemainingSeconds).String()})
	}
	for _, w := range s.Workers {
		what := fmt.Sprintf("%s, %d videos, %d failed, %.4g frames per second", w.CPU, w.Videos, w.Failed, w.FramesPerSecond)
		if len(w.Current) > 0 {
			what += ", at " + strings.Join(w.Current, ", ")
		}
		if w.Lost {
			what += fmt.Sprintf("; lost for %v", duration(w.Seen))
		}
		rows = append(rows, [2]string{"worker " + w.Name, what})
	}
	for name, reason := range s.Suspended {
		rows = append(rows, [2]string{"suspended " + name, reason})
	}
	if err := a.pairs(rows); err != nil {
		return err
	}
	warnFew(len(s.Failures),
		func(i int) { terminal.Fprintf(a.out, "failed: %s: %s\n", s.Failures[i].ID, s.Failures[i].Reason) },
		func(int) { terminal.Fprintf(a.out, "more failures: failures.jsonl in %s\n", s.Store) })
	return nil
}

// printMetrics prints the status as Prometheus reads it.
func (a *app) printMetrics(client *fleet.Client) error {
	r := prometheus.NewRegistry()
	r.MustRegister(client)
	families, err := r.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(a.out, f); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) fleetReleaseCommand() *cobra.Command {
	var b brokerFlags
	c := &cobra.Command{
		Use:     "release MACHINE",
		Short:   "Give a suspended machine work again",
		Example: "  clipcue fleet release host-3",
		Args:    arguments(1, 1, "the name of one machine"),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := b.connect(nil)
			if err != nil {
				return err
			}
			defer client.Close()
			return client.Release(c.Context(), args[0])
		},
	}
	b.addClient(c)
	return c
}
