package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/walk"
)

func (a *app) unpackCommand() *cobra.Command {
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "unpack SHARD|FOLDER... --out DIR",
		Short: "Unpack WebDataset shards, as video2dataset and img2dataset write them",
		Long: `Writes the videos, images and arrays of each shard, such as 00000.tar, to a folder, such as
DIR/00000. The captions and labels go to its metadata.jsonl. Then train and eval take DIR
as --data, and extract and index find the videos.

A caption is KEY.txt, "caption" in KEY.json, or that of the row KEY in 00000.parquet next to
the shard. A label is KEY.cls, or "label" in KEY.json. Captions of images are also written as
KEY.txt, which pretrain reads. KEY ends at the first dot of a name, as in WebDataset:
captions such as clip.1.txt are left out and counted. Arrays with KEY.json, as features
export writes them, are read by features import.

Run again, it unpacks only the shards whose folder is missing. Damaged and unsafe shards
are skipped and reported; the exit code is 3 then.`,
		Example: `  clipcue unpack shards/ --out data
  clipcue extract data --out features
  clipcue train retrieval --features features --data data --out run`,
		Args: arguments(1, -1, "at least one shard or folder of shards"),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := dataset.Unpack(c.Context(), args, out, a.progress)
			for _, f := range r.Failed {
				a.log.Warn("skipped", "shard", f.Path, "reason", f.Reason)
			}
			return a.unpacked(r, err, asJSON)
		},
	}
	flags.Out(c, &out, "folder of the data set")
	flags.JSON(c, &asJSON)
	return c
}

func (a *app) unpacked(r dataset.UnpackReport, err error, asJSON bool) error {
	if err != nil {
		return err
	}
	if r.Dotted > 0 {
		a.log.Warn("captions, labels and descriptions are left out: keys end at the first dot of a name, so clip.1.txt does not belong to clip.1.mp4", "files", r.Dotted)
	}
	if asJSON {
		err = a.json(r)
	} else {
		_, err = fmt.Fprintf(a.out, "%d shards: %d unpacked, %d already present, %d failed; %d samples, %d with captions, %d with labels, %d texts with dots and %s left out\n",
			r.Shards, r.Done, r.Present, len(r.Failed), r.Samples, r.Captions, r.Labels, r.Dotted, cmp.Or(walk.Describe(r.LeftOut), "nothing else"))
	}
	if err == nil && len(r.Failed) > 0 {
		err = partialError{fmt.Errorf("done, but %d shards failed and were skipped", len(r.Failed))}
	}
	return err
}
