package main

import "testing"

// bench tells what it measured, for people and for programs.
func TestBench(t *testing.T) {
	quick := []string{"--size", "tiny", "--measure-seconds", "0.001", "--vectors", "1000", "--batch", "2", "--texts", "3"}
	report := decode[benchReport](t, must(t, exitDone, append([]string{"bench", "--json"}, quick...)...))
	if len(report.Results) != 4+4 || report.Backend == "" || report.Threads < 1 || report.Int8 != nil {
		t.Errorf("%+v", report)
	}
	low := decode[benchReport](t, must(t, exitDone, append([]string{"bench", "--json", "--precision", "int8"}, quick...)...))
	if len(low.Results) != 3+4 || low.Int8 == nil || !(low.Int8.Images.Lowest > 0.9) {
		t.Errorf("%+v", low)
	}
	must(t, exitDone, append([]string{"bench", "search"}, quick...)...)
	model := backbone(t, t.TempDir(), 3)
	loaded := decode[benchReport](t, must(t, exitDone, "bench", "image", "--model", model, "--measure-seconds", "0.001", "--json"))
	if loaded.Model != model || len(loaded.Results) != 1 || loaded.Results[0].Items != 8 {
		t.Errorf("%+v", loaded)
	}
}

func TestBenchUsage(t *testing.T) {
	for _, args := range [][]string{
		{"speed"},
		{"train", "--precision", "int8"},
		{"--precision", "int4"},
		{"--size", "ViT-B/15"},
		{"--size", "tiny", "--model", "x"},
		{"--batch", "0"},
		{"--measure-seconds", "0"},
	} {
		must(t, exitUsage, append([]string{"bench"}, args...)...)
	}
}
