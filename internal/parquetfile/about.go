package parquetfile

import (
	"fmt"

	"github.com/clipcue/clipcue/internal/input"
)

// Unit is the unit of times in all files of clipcue.
const Unit = "seconds"

// CheckAbout decodes the metadata of a file, as [Write] was given them, into about, which must be a pointer to a
// structure. It returns an error for those of another kind of file than the given one, or with another unit than
// [Unit]. Files of other programs have no metadata, which is no error.
func CheckAbout(metadata, kind string, about any) error {
	if metadata == "" || metadata == "null" {
		return nil
	}
	var is struct {
		Kind string `json:"kind"`
		Unit string `json:"unit"`
	}
	err := input.Unmarshal([]byte(metadata), &is)
	if err == nil {
		err = input.Unmarshal([]byte(metadata), about)
	}
	if err != nil {
		return fmt.Errorf("its metadata %q cannot be read: %w; remove them", Key, err)
	}
	if is.Kind != kind || is.Unit != Unit {
		return fmt.Errorf("its metadata %q say that it has %.100q in %.100q instead of %s in %s", Key, is.Kind, is.Unit, kind, Unit)
	}
	return nil
}
