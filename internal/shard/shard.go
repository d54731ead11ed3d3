// Package shard reads shards of WebDataset: tar files in which consecutive files whose names are equal
// up to the first dot are one sample. Shards come from other people, so names and sizes are checked.
package shard

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/clipcue/clipcue/internal/text"
)

// Errors for errors.Is.
var (
	ErrDamaged = errors.New("not a tar file, or a damaged one")
	ErrName    = errors.New("the name leaves the shard, or is not plain text")
	ErrBomb    = errors.New("the content is far larger than the file")
)

// Limits of a shard. Real ones have 10,000 samples, and their files do not compress.
const (
	maxMembers = 1 << 22
	freeBytes  = 64 << 20 // expanded bytes that are always allowed
	maxRatio   = 200      // expanded bytes for each byte of the file, beyond them
)

// blockSize is the unit of tar files, which end with two blocks of zeros.
const blockSize = 512

// Member is a file in a shard.
type Member struct {
	Name string // slash-separated
	Key  string // of its sample: the name up to the first dot after the last slash
	Ext  string // the rest, from the dot on, in lower case
	Size int64  // as declared
	io.Reader
}

// Each calls do with each regular file of a shard, which may be compressed with gzip. It returns the
// number of entries that are left out, by kind: links, devices and hidden files. Errors are around those of this
// package, those of reading r, and those of do.
func Each(r io.Reader, do func(Member) error) (others map[string]int, err error) {
	in, others := &counter{r: r}, map[string]int{}
	content, err := uncompressed(in)
	if err != nil {
		return nil, err
	}
	raw := &limited{r: content, in: in}
	archive := tar.NewReader(raw)
	expanded := &limited{in: in}
	for n := 0; ; n++ {
		h, err := archive.Next()
		switch {
		case err == io.EOF && raw.zeros < blockSize:
			return others, fmt.Errorf("%w: it has no end", ErrDamaged)
		case err == io.EOF:
			return others, nil
		case err != nil:
			return others, damaged(err)
		case n == maxMembers:
			return others, fmt.Errorf("more than %d files", maxMembers)
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse:
			others[cmp.Or(otherKinds[h.Typeflag], "special files")]++
			continue
		}
		expanded.r = archive
		m, err := member(h, expanded)
		switch {
		case err != nil:
		case hidden(m.Name):
			others["hidden files"]++
		default:
			err = do(m)
		}
		if err != nil {
			return others, fmt.Errorf("%s: %w", text.Quote(h.Name), damaged(err))
		}
	}
}

// otherKinds are the kinds of entries without content. tar stores the second name of a file as a hard link.
var otherKinds = map[byte]string{tar.TypeLink: "hard links", tar.TypeSymlink: "symbolic links"}

// uncompressed returns the tar file in a file that may be compressed.
func uncompressed(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	if magic, _ := in.Peek(2); string(magic) != "\x1f\x8b" {
		return in, nil
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, damaged(err)
	}
	return z, nil
}

// damaged returns ErrDamaged for errors of the formats, and others unchanged.
func damaged(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.As(err, new(flate.CorruptInputError)) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// member returns the description of a file whose name is safe to use below a folder.
func member(h *tar.Header, content io.Reader) (m Member, err error) {
	m = Member{Name: path.Clean(h.Name), Size: h.Size, Reader: content}
	if !text.IsLine(m.Name) || strings.Contains(m.Name, `\`) || !filepath.IsLocal(filepath.FromSlash(m.Name)) {
		return m, ErrName
	}
	dir, base := path.Split(m.Name)
	key, _, _ := strings.Cut(base, ".")
	m.Key, m.Ext = dir+key, strings.ToLower(base[len(key):])
	return m, nil
}

// hidden reports whether a name or one of its folders starts with a dot.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.Contains(name, "/.") }

// counter counts the bytes of a file that were read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// limited fails when far more bytes come out of a file than are in it.
type limited struct {
	r  io.Reader
	in *counter
	n  int64

	zeros int // at the end of what was read
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	end := n - len(bytes.TrimRight(p[:n], "\x00"))
	if end == n {
		end += l.zeros
	}
	l.zeros = min(end, 2*blockSize)
	if l.n += int64(n); l.n > freeBytes+maxRatio*l.in.n {
		return n, fmt.Errorf("%w: more than %s in the first %s", ErrBomb, humanize.IBytes(uint64(l.n)), humanize.IBytes(uint64(l.in.n)))
	}
	return n, err
}
