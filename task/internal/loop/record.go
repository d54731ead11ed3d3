package loop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/train"
)

// record is metrics.jsonl: one line per step and one per evaluation.
type record struct {
	*os.File
	evaluatedStep int
}

// openRecord opens the record for appending. It drops lines after step: they are
// leftovers of an interrupted run beyond its last checkpoint and will be written
// again. A file that no run wrote is an error.
func openRecord(path string, step int) (*record, error) {
	if err := atomicfile.CheckRegular(path); err != nil {
		return nil, err
	}
	old, err := input.ReadFile(path, maxMetrics)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var keep bytes.Buffer
	r := &record{}
	for line := range bytes.Lines(old) {
		var at struct {
			Step       *int            `json:"step"`
			Evaluation json.RawMessage `json:"evaluation"`
		}
		switch err := json.Unmarshal(line, &at); {
		case !bytes.HasSuffix(line, []byte("\n")): // the run was interrupted while it wrote this line
		case err != nil || at.Step == nil:
			return nil, &fs.PathError{Op: "write", Path: path, Err: atomicfile.ErrOtherKind}
		case *at.Step <= step:
			keep.Write(line)
			if at.Evaluation != nil {
				r.evaluatedStep = *at.Step
			}
		}
	}
	if keep.Len() < len(old) {
		if err := atomicfile.WriteBytes(path, keep.Bytes()); err != nil {
			return nil, err
		}
	}
	r.File, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	return r, err
}

func (r *record) add(line map[string]any) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, ok := line["evaluation"]; ok {
		r.evaluatedStep = line["step"].(int)
	}
	_, err = r.Write(append(b, '\n'))
	return err
}

// evaluated reports whether the record has the evaluation of a step.
func (r *record) evaluated(step int) bool { return r.evaluatedStep == step }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func writeConfig(path string, config any) error {
	b, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.MemberBytes(path, append(b, '\n'))
}

// maxMetrics is the size in bytes of the largest metrics.jsonl that is read.
const maxMetrics = 1 << 28

// sameConfig returns an error with the differences between config and the one that the
// run was started with.
func sameConfig(path string, config any) error {
	old, err := input.ReadFile(path, train.MaxConfig)
	if err != nil {
		return err
	}
	now, err := json.Marshal(config)
	if err != nil {
		return err
	}
	var was, is any
	if err := json.Unmarshal(old, &was); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(now, &is); err != nil {
		return err
	}
	if diff := differences("", was, is); len(diff) > 0 {
		return &train.SettingsError{File: path, Differences: diff}
	}
	return nil
}

// differences lists the values of was that differ from is.
func differences(name string, was, is any) []string {
	a, okA := was.(map[string]any)
	b, okB := is.(map[string]any)
	if !okA || !okB {
		x, _ := json.Marshal(was)
		y, _ := json.Marshal(is)
		if bytes.Equal(x, y) {
			return nil
		}
		return []string{fmt.Sprintf("%s %s (now %s)", name, x, y)}
	}
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	var out []string
	for _, k := range sortedKeys(keys) {
		out = append(out, differences(strings.TrimPrefix(name+"."+k, "."), a[k], b[k])...)
	}
	return out
}
