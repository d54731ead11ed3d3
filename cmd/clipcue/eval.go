package main

import (
	"github.com/spf13/cobra"
)

func (a *app) evalCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "eval",
		Short: "Evaluate a trained model",
		Example: `  clipcue eval recognition --run run --features features --data videos/
  clipcue eval retrieval --run finder --features features --data captions.csv`,
	}
	c.AddCommand(a.evalRecognitionCommand(), a.evalLocalizationCommand(), a.evalRetrievalCommand())
	return c
}
