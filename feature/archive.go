package feature

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// writeArchive writes a sequence as NumPy's savez does.
func writeArchive(w io.Writer, q *Sequence) error {
	z := zip.NewWriter(w)
	for _, a := range []struct {
		name  string
		array safetensors.Tensor
	}{{featuresMember, q.array()}, {timestampsMember, safetensors.FromFloat64s(q.Timestamps, q.Len())}} {
		f, err := z.CreateHeader(&zip.FileHeader{Name: a.name, Method: zip.Store})
		if err == nil {
			err = npy.Encode(f, a.array)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// Arrays in an archive.
const (
	featuresMember   = "features.npy"
	timestampsMember = timestampsName + arraySuffix
)

// readArchive reads the arrays of a .npz file: "features" or the only array besides
// "timestamps", and "timestamps" [T], if there is one.
func readArchive(path string) (features safetensors.Tensor, times []float64, err error) {
	f, size, err := input.OpenSized(path)
	if err != nil {
		return features, nil, err
	}
	defer f.Close()
	z, err := zip.NewReader(f, size)
	if err != nil {
		return features, nil, fmt.Errorf("not a .npz file: %w", err)
	}
	if err := checkMembers(z.File); err != nil {
		return features, nil, err
	}
	arrays := slices.DeleteFunc(slices.Clone(z.File), func(f *zip.File) bool { return f.Name == timestampsMember || !strings.HasSuffix(f.Name, arraySuffix) })
	at := slices.IndexFunc(arrays, func(f *zip.File) bool { return f.Name == featuresMember })
	switch {
	case at < 0 && len(arrays) != 1:
		return features, nil, fmt.Errorf(".npz file with %d arrays, none of which is named features", len(arrays))
	case at < 0:
		at = 0
	}
	if features, err = readMember(arrays[at]); err != nil {
		return features, nil, err
	}
	at = slices.IndexFunc(z.File, func(f *zip.File) bool { return f.Name == timestampsMember })
	if at < 0 {
		return features, nil, nil
	}
	t, err := readMember(z.File[at])
	if err == nil && len(t.Shape) != 1 {
		err = fmt.Errorf("timestamps of shape %v instead of [T]", t.Shape)
	}
	if err == nil {
		times, err = t.Float64s()
	}
	return features, times, err
}

// checkMembers returns an error for members of an archive of which one would be ignored.
func checkMembers(members []*zip.File) error {
	var names []string
	seen := map[string]bool{}
	for _, f := range members {
		if seen[f.Name] {
			return fmt.Errorf("the .npz file has %.200q twice", f.Name)
		}
		seen[f.Name] = true
		names = append(names, strings.TrimSuffix(f.Name, arraySuffix))
	}
	return checkTimeNames("array", names, timestampsName)
}

// readMember reads an array in an archive.
func readMember(f *zip.File) (t safetensors.Tensor, err error) {
	size := int64(min(f.UncompressedSize64, math.MaxInt64/4))
	release, err := memory.Request(2*size, f.Name)
	if err != nil {
		return t, err
	}
	defer release()
	r, err := f.Open()
	if err != nil {
		return t, fmt.Errorf("%s: %w", f.Name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil {
		t, err = npy.Decode(bytes.NewReader(data), int64(len(data)))
	}
	if err != nil {
		return t, fmt.Errorf("%s: %w", f.Name, err)
	}
	return t, nil
}
