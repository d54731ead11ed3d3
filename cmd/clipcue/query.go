package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/library"
)

// queryFlags are the flags of `search` that make up a query.
type queryFlags struct {
	query                library.Query
	video                string
	like                 []string
	since, until         string
	minLength, maxLength time.Duration
	labels               []string
}

func (o *queryFlags) add(c *cobra.Command) {
	f := c.Flags()
	flags.Texts(c, &o.query.Texts, "text", "another text query that results must match; repeatable")
	flags.Texts(c, &o.query.Without, "without", "text query that results must not match; repeatable")
	f.StringArrayVar(&o.query.Images, "image", nil, "image to search by; repeatable")
	f.StringVar(&o.video, "video", "", "short video to search by")
	f.StringArrayVar(&o.like, "like", nil, "moment to find more of, as VIDEO@TIME; repeatable")
	filter := &o.query.Filter
	f.StringVar(&filter.Folder, "folder", "", "only videos in this folder, or below it")
	f.StringVar(&filter.Path, "path", "", "only videos whose absolute path matches a pattern such as '*/cam2/*'")
	f.StringVar(&o.since, "since", "", "only files modified at this date or time, or later")
	f.StringVar(&o.until, "until", "", "only files modified at this date or time, or earlier")
	flags.Duration(c, &o.minLength, "min-length", "only videos that are at least this long")
	flags.Duration(c, &o.maxLength, "max-length", "only videos that are at most this long")
	f.StringArrayVar(&o.labels, "label", nil, "only moments that show this label, or another one that is given")
}

// empty reports whether there is no query and no filter.
func (o *queryFlags) empty() bool {
	q, f := o.query, o.query.Filter
	return len(q.Texts)+len(q.Without)+len(q.Images)+len(q.Videos)+len(q.Like)+len(f.Labels) == 0 &&
		f.Folder+f.Path == "" && f.Since.IsZero() && f.Until.IsZero() && f.MinSeconds+f.MaxSeconds == 0
}

// read completes the query by arguments and by flags whose values have to be parsed.
func (o *queryFlags) read(args []string) (err error) {
	q := &o.query
	if len(args) > 0 {
		q.Texts = append([]string{strings.Join(args, " ")}, q.Texts...)
	}
	if o.video != "" {
		q.Videos = []string{o.video}
	}
	for _, s := range o.like {
		at := strings.LastIndex(s, "@")
		if at < 1 {
			return fmt.Errorf("--like must be VIDEO@TIME, such as walk.mp4@1:20, got %q", s)
		}
		p := library.Point{Video: s[:at]}
		if p.Time, err = seconds(s[at+1:]); err != nil {
			return fmt.Errorf("--like %q: %w", s, err)
		}
		q.Like = append(q.Like, p)
	}
	f := &q.Filter
	f.MinSeconds, f.MaxSeconds, f.Labels = o.minLength.Seconds(), o.maxLength.Seconds(), o.labels
	if f.Since, _, err = date("since", o.since); err != nil {
		return err
	}
	f.Until, err = end(o.until)
	return err
}

// layouts are the forms of a date or time, the ones with a time zone first.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly}

// date parses the local time of a flag, and returns the layout that it has.
func date(flag, s string) (t time.Time, layout string, err error) {
	if s == "" {
		return t, "", nil
	}
	for _, layout = range layouts {
		if t, err = time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, layout, nil
		}
	}
	return t, "", fmt.Errorf("--%s must be a date or time such as 2024-05-31 or 2024-05-31T18:30, got %q", flag, s)
}

// end returns the first time that --until excludes: the next day of a date.
func end(until string) (time.Time, error) {
	t, layout, err := date("until", until)
	switch {
	case err != nil || layout == "":
		return t, err
	case layout == time.DateOnly:
		return t.AddDate(0, 0, 1), nil
	}
	return t.Add(time.Nanosecond), nil
}
