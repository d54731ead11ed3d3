package fleet

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the numbers of a status that Prometheus collects.
var metrics = []struct {
	desc  *prometheus.Desc
	value func(Status) float64
}{
	{gauge("videos_finished", "Videos whose features are in the store."), func(s Status) float64 { return float64(s.Finished) }},
	{gauge("videos_waiting", "Videos that wait or are being processed."), func(s Status) float64 { return float64(s.Waiting) }},
	{gauge("videos_failed", "Videos that failed for good."), func(s Status) float64 { return float64(s.Failed) }},
	{gauge("machines_suspended", "Machines that get no more work."), func(s Status) float64 { return float64(len(s.Suspended)) }},
	{gauge("workers", "Workers that report."), func(s Status) (n float64) {
		for _, w := range s.Workers {
			if !w.Lost {
				n++
			}
		}
		return n
	}},
	{gauge("frames_per_second", "Frames that all workers encode per second."), func(s Status) float64 { return s.FramesPerSecond }},
	{gauge("remaining_seconds", "Estimated time until all videos are finished."), func(s Status) float64 { return s.RemainingSeconds }},
}

func gauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("clipcue_fleet_"+name, help, nil, nil)
}

// Describe implements [prometheus.Collector].
func (c *Client) Describe(to chan<- *prometheus.Desc) {
	for _, m := range metrics {
		to <- m.desc
	}
}

// Collect implements [prometheus.Collector]: it asks the coordinator for the status.
func (c *Client) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s, err := c.Status(ctx)
	for _, m := range metrics {
		if err != nil {
			to <- prometheus.NewInvalidMetric(m.desc, err)
		} else {
			to <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, m.value(s))
		}
	}
}
