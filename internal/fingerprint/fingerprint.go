// Package fingerprint identifies models by their settings and weights.
package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unsafe"
)

// Of returns 16 hexadecimal digits that depend on the settings, as JSON, and on the
// names and values of all tensors, and how many values there are. read returns a
// tensor's values.
func Of[T any](settings any, tensors map[string]T, read func(T) ([]float32, error)) (sum string, values int, err error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(settings); err != nil {
		return "", 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		data, err := read(tensors[name])
		if err != nil {
			return "", 0, err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		values += len(data)
		if len(data) > 0 {
			// All platforms that Go runs this on are little-endian.
			h.Write(unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 4*len(data)))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), values, nil
}
