package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Episode is one few-shot problem: learn the classes from Train, tell them apart
// in Test. No video is in both.
type Episode struct {
	Classes     []string
	Train, Test *Dataset
}

// Episodes draws few-shot problems: `way` classes, `shots` training videos of
// each from the training split, and as test all their samples in the test split.
// If d says no splits, the test is all else that shows these classes, as in the
// authors' lists. Every class of d has to offer enough videos.
func Episodes(d *Dataset, way, shots, episodes int, seed uint64) ([]Episode, error) {
	if way < 2 || way > len(d.Classes) {
		return nil, fmt.Errorf("%s: %d-way episodes cannot be drawn from %d classes", d.Source, way, len(d.Classes))
	}
	if episodes < 1 {
		return nil, fmt.Errorf("%d episodes: at least one is needed", episodes)
	}
	// Draws for all classes at once find a poor class in any episode, not only in
	// one that happens to hold it.
	if _, err := Shots(d, shots, seed); err != nil {
		return nil, err
	}
	pool, err := d.trainingPool()
	if err != nil {
		return nil, err
	}
	test := d
	if pool != d {
		if test, err = d.Split(Test); err != nil {
			return nil, err
		}
	}
	out := make([]Episode, episodes)
	for i := range out {
		purpose := fmt.Sprintf("episode %d", i)
		picked := random(seed, purpose).Perm(len(d.Classes))[:way]
		slices.Sort(picked)
		classes := make([]string, way)
		for j, c := range picked {
			classes[j] = d.Classes[c]
		}
		train, err := pool.Only(classes)
		if err != nil {
			return nil, err
		}
		if train, err = train.draw(shots, seed, purpose); err != nil {
			return nil, err
		}
		rest := test
		if pool == d {
			rest = d.without(train)
		}
		if rest, err = rest.Only(classes); err != nil {
			return nil, fmt.Errorf("test samples: %w", err)
		}
		if out[i], err = newEpisode(train, rest); err != nil {
			return nil, fmt.Errorf("%s: %w", purpose, err)
		}
	}
	return out, nil
}

// without leaves out all videos of other.
func (d *Dataset) without(other *Dataset) *Dataset {
	paths := map[string]bool{}
	for _, s := range other.Samples {
		paths[s.Path] = true
	}
	return d.filter(func(s Sample) bool { return !paths[s.Path] })
}

// newEpisode checks that no video is in both halves.
func newEpisode(train, test *Dataset) (Episode, error) {
	paths := map[string]bool{}
	for _, s := range train.Samples {
		paths[trimVideoExtension(normalPath(s.Path))] = true
	}
	for _, s := range test.Samples {
		if paths[trimVideoExtension(normalPath(s.Path))] {
			return Episode{}, fmt.Errorf("video %q is in both training (%s) and test (%s)", s.Path, train.Source, test.Source)
		}
	}
	return Episode{Classes: train.Classes, Train: train, Test: test}, nil
}

var episodeFile = regexp.MustCompile(`^split_0*([0-9]+)\.list$`)

// LoadEpisodes reads the authors' few-shot lists. train is a split_<N>.list or a
// folder of them, each an episode. test is the same, paired by number, or any
// annotation that Load reads: then every episode is tested on the samples that
// it has of the episode's classes, of the test split where it says splits. The
// classes of an episode are those of its list, whatever o.Classes says.
func LoadEpisodes(train, test string, o Options) ([]Episode, error) {
	trainLists, err := episodeFiles(train)
	if err != nil {
		return nil, err
	}
	if len(trainLists) == 0 {
		return nil, fmt.Errorf("%s: no split_<N>.list there", train)
	}
	testLists, err := episodeFiles(test)
	if err != nil {
		return nil, err
	}
	if path, ok := beside(filepath.Dir(trainLists[0].path), "HMDB51_clsname.json"); ok && o.ClassNames == nil {
		// The test annotation may lie elsewhere and has to get the same names.
		if o.ClassNames, err = ReadClassNames(path); err != nil {
			return nil, err
		}
	}
	var common *Dataset
	if len(testLists) == 0 {
		if common, err = Load(test, o); err != nil {
			return nil, err
		}
		if common.Splits()[""] < len(common.Samples) {
			if common, err = common.Split(Test); err != nil {
				return nil, err
			}
		}
	}
	lists := o
	lists.Format, lists.Classes = "list", nil
	var out []Episode
	for _, list := range trainLists {
		half, err := Load(list.path, lists)
		if err != nil {
			return nil, err
		}
		rest := common
		if rest == nil {
			i := slices.IndexFunc(testLists, func(l episodeList) bool { return l.number == list.number })
			if i < 0 {
				return nil, fmt.Errorf("%s: no test list with this number in %s", list.path, test)
			}
			if rest, err = Load(testLists[i].path, lists); err != nil {
				return nil, err
			}
			// A class that only the test knows would be scored and never learned.
			if rest, err = rest.WithClasses(half.Classes); err != nil {
				return nil, fmt.Errorf("%w in %s", err, list.path)
			}
		}
		if rest, err = rest.Only(half.Classes); err != nil {
			return nil, fmt.Errorf("%s: %w", list.path, err)
		}
		e, err := newEpisode(half, rest)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

type episodeList struct {
	path   string
	number int
}

// episodeFiles lists the split_<N>.list files at a path, in the numbers' order.
func episodeFiles(path string) ([]episodeList, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file or folder: %w", path, fs.ErrNotExist)
	} else if err != nil {
		return nil, err
	}
	names := []string{filepath.Base(path)}
	dir := filepath.Dir(path)
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		names, dir = nil, path
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	var lists []episodeList
	for _, name := range names {
		if m := episodeFile.FindStringSubmatch(name); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
			}
			lists = append(lists, episodeList{filepath.Join(dir, name), n})
		}
	}
	slices.SortFunc(lists, func(a, b episodeList) int { return a.number - b.number })
	return lists, nil
}
