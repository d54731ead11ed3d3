package main

import (
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
)

// libraryFlags are the flags of commands that read a library.
type libraryFlags struct {
	library string
	server  flags.Server
	json    bool
}

func (o *libraryFlags) add(c *cobra.Command) {
	flags.Library(c, &o.library)
	o.server.Add(c)
	flags.JSON(c, &o.json)
}

// embedderFlags are the flags of commands that use a library with its model.
type embedderFlags struct {
	libraryFlags
	backbone flags.Backbone
	run      flags.Run
}

func (o *embedderFlags) add(c *cobra.Command) {
	o.libraryFlags.add(c)
	o.backbone.AddOfLibrary(c)
	o.run.Add(c)
}
