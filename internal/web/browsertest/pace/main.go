// Command pace measures the page of a running clipcue serve in Chromium: the time to the
// first paint, and from a key that marks a moment to the page with the new ranking. It adds
// marks to the label and removes them again.
//
//	go run ./internal/web/browsertest/pace http://127.0.0.1:8765 1
package main

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

const keys = 60 // number of marks

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: pace ADDRESS LABEL")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1440, 900), chromedp.Flag("disable-background-networking", true))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, o...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := measure(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func measure(ctx context.Context, url, label string) error {
	if err := chromedp.Do(ctx, chromedp.Navigate(url), chromedp.Sleep(time.Second)); err != nil {
		return err
	}
	paint, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`performance.getEntriesByName("first-contentful-paint")[0].startTime`))
	if err != nil {
		return err
	}
	fmt.Printf("first paint: %.0f ms\n", paint)
	if err := chromedp.Do(ctx, chromedp.Navigate(url+"/label/"+label), chromedp.WaitVisible(chromedp.CSS(".focused"))); err != nil {
		return err
	}
	for n := range keys {
		if err := press(ctx, []string{"a", "r"}[rand.IntN(2)], n+1); err != nil {
			return err
		}
	}
	times, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](`performance.getEntriesByName("rank").map(m => m.duration)`))
	if err != nil {
		return err
	}
	slices.Sort(times)
	fmt.Printf("from a key to the new ranking: median %.0f ms, 95th percentile %.0f ms, of %d marks\n",
		times[len(times)/2], times[len(times)*95/100], len(times))
	for n := range keys {
		if err := press(ctx, "u", keys+n+1); err != nil {
			return err
		}
	}
	return nil
}

// press presses a key and waits until the page was ranked n times.
func press(ctx context.Context, key string, n int) error {
	if err := chromedp.Do(ctx, chromedp.KeyEvent(key)); err != nil {
		return err
	}
	for {
		done, err := chromedp.Run(ctx, chromedp.Evaluate[int](`performance.getEntriesByName("rank").length`))
		if err != nil || done >= n {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
