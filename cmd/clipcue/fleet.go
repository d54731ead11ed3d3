package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/internal/fleet"
)

func (a *app) fleetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "fleet",
		Short: "Extract frame features on several machines",
		Long: `Distributes the extraction of features. One machine runs "fleet serve", which owns the
feature store and, unless --broker is given, runs a NATS broker. "fleet submit" lists the
videos. Each machine that runs "fleet work" takes videos from the queue and extracts their
features. Workers may come, go and be killed at any time: their videos return to the queue.

All commands read the token of the broker from CLIPCUE_FLEET_TOKEN. Buckets use the
credentials of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the other settings of AWS.`,
		Example: `  clipcue fleet serve --model ViT-B/16 --out features
  clipcue fleet submit videos/
  clipcue fleet work --model ViT-B/16
  clipcue fleet status`,
	}
	c.AddCommand(a.fleetServeCommand(), a.fleetSubmitCommand(), a.fleetWorkCommand(), a.fleetStatusCommand(), a.fleetReleaseCommand())
	onlySubcommands(c)
	return c
}

// brokerFlags say how to connect to the broker of a fleet.
type brokerFlags struct{ address, fleet, creds, ca string }

// defaultBroker is the address of the broker that `fleet serve` runs by default.
const defaultBroker = "127.0.0.1:4222"

// add adds --fleet, --creds and --tls-ca.
func (b *brokerFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&b.fleet, "fleet", "clipcue", "name of the fleet, if several use one broker")
	f.StringVar(&b.creds, "creds", "", "credentials file of NATS, for an external broker")
	f.StringVar(&b.ca, "tls-ca", "", "PEM file with the certificate authority of the broker")
}

// addClient adds the flags of a command that connects to a running fleet.
func (b *brokerFlags) addClient(c *cobra.Command) {
	c.Flags().StringVar(&b.address, "broker", "nats://"+defaultBroker, "address of the NATS broker; several are separated by commas")
	b.add(c)
}

// fleetToken returns the token of the broker.
func fleetToken() string { return os.Getenv("CLIPCUE_FLEET_TOKEN") }

// connect connects to the broker, or to one in this process.
func (b *brokerFlags) connect(local *fleet.Broker) (*fleet.Client, error) {
	return fleet.Connect(fleet.ClientOptions{Address: b.address, Broker: local, Fleet: b.fleet, Token: fleetToken(), Creds: b.creds, CA: b.ca})
}
