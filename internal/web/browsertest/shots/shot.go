package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// find returns what replaces {label}, {video} and {time}: the label with the most marks, and
// the middle of its most probable segment that is short.
func find(ctx context.Context, base string) (*strings.Replacer, error) {
	var all struct {
		Labels []struct{ Label, Positives int }
	}
	if err := get(ctx, base+"/api/v1/labels", &all); err != nil {
		return nil, err
	}
	label, most := 0, -1
	for _, l := range all.Labels {
		if l.Positives > most {
			label, most = l.Label, l.Positives
		}
	}
	var found struct {
		Segments []struct {
			Video             int
			Start, End, Score float64
		}
	}
	if err := get(ctx, fmt.Sprintf("%s/api/v1/labels/%d/segments", base, label), &found); err != nil {
		return nil, err
	}
	video, time, best := 0, 0.0, 0.0
	for _, s := range found.Segments {
		if s.Score > best && s.End-s.Start < 10 {
			video, time, best = s.Video, (s.Start+s.End)/2, s.Score
		}
	}
	return strings.NewReplacer("{label}", fmt.Sprint(label), "{video}", fmt.Sprint(video), "{time}", fmt.Sprint(time)), nil
}

// take writes the image of a page.
func (s shot) take(ctx context.Context, url, path string) error {
	scheme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, scheme); err != nil {
		return err
	}
	const settled = 2 * time.Second // images and videos are loaded by then
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height), chromedp.Navigate(url), chromedp.Sleep(settled)); err != nil {
		return err
	}
	r, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: "webp", Quality: new(int64(82))})
	if err != nil {
		return err
	}
	return os.WriteFile(path, r.Data, 0o666)
}
