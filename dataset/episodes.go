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

// Episode is one few-shot problem: learn the classes from Train and classify the videos of
// Test. No video is in both.
type Episode struct {
	Classes     []string
	Train, Test *Dataset
}

// Episodes draws few-shot problems with the given number of classes (way) and of training
// videos per class (shots) from the training split. The test is all samples of these classes
// in the test split, or, if d has no splits, all others, as in the authors' lists. Every
// class of d needs enough videos.
func Episodes(d *Dataset, way, shots, episodes int, seed uint64) ([]Episode, error) {
	if way < 2 || way > len(d.Classes) {
		return nil, fmt.Errorf("%s: %d-way episodes cannot be drawn from %d classes", d.Source, way, len(d.Classes))
	}
	if episodes < 1 {
		return nil, fmt.Errorf("number of episodes must be at least 1, got %d", episodes)
	}
	// Drawing for all classes at once finds a class with too few videos, whether or not an
	// episode has it.
	if _, err := takeShots(d, shots, seed); err != nil {
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
		train, err := pool.only(classes)
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
		if rest, err = rest.only(classes); err != nil {
			return nil, fmt.Errorf("test samples: %w", err)
		}
		if out[i], err = newEpisode(train, rest); err != nil {
			return nil, fmt.Errorf("%s: %w", purpose, err)
		}
	}
	return out, nil
}

// without returns d without the videos of other.
func (d *Dataset) without(other *Dataset) *Dataset {
	paths := map[string]bool{}
	for _, s := range other.Samples {
		paths[videoKey(s.Path)] = true
	}
	return d.filter(func(s Sample) bool { return !paths[videoKey(s.Path)] })
}

// newEpisode checks that no video is in both halves.
func newEpisode(train, test *Dataset) (Episode, error) {
	paths := map[string]bool{}
	for _, s := range train.Samples {
		paths[videoKey(s.Path)] = true
	}
	for _, s := range test.Samples {
		if paths[videoKey(s.Path)] {
			return Episode{}, fmt.Errorf("video %q is in both training (%s) and test (%s)", s.Path, train.Source, test.Source)
		}
	}
	return Episode{Classes: train.Classes, Train: train, Test: test}, nil
}

var episodeFile = regexp.MustCompile(`^split_0*([0-9]+)\.list$`)

// LoadEpisodes reads the authors' few-shot lists. train is a split_<N>.list file or a folder
// of them; each is an episode. test is the same, paired by number, or any annotation that
// [Load] reads: then the test of every episode is the samples of its classes, in the test
// split if there are splits. The classes of an episode are those of its list; o.Classes is
// not used.
func LoadEpisodes(train, test string, o Options) ([]Episode, error) {
	trainLists, err := episodeFiles(train)
	if err != nil {
		return nil, err
	}
	if len(trainLists) == 0 {
		return nil, fmt.Errorf("%s: no files split_<N>.list", train)
	}
	if path, ok := beside(filepath.Dir(trainLists[0].path), "HMDB51_clsname.json"); ok && o.ClassNames == nil {
		// The test annotation may be elsewhere and needs the same names.
		if o.ClassNames, err = readClassNames(path); err != nil {
			return nil, err
		}
	}
	tests, err := loadEpisodeTests(test, o)
	if err != nil {
		return nil, err
	}
	var out []Episode
	for _, list := range trainLists {
		half, err := Load(list.path, tests.options)
		if err != nil {
			return nil, err
		}
		rest, err := tests.of(list, half.Classes)
		if err != nil {
			return nil, err
		}
		e, err := newEpisode(half, rest)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// episodeTests are the test samples of episodes: one list for each, or common ones.
type episodeTests struct {
	path    string
	options Options // of lists
	lists   []episodeList
	common  *Dataset
}

func loadEpisodeTests(path string, o Options) (t episodeTests, err error) {
	t = episodeTests{path: path, options: o}
	t.options.Format, t.options.Classes = "list", nil
	if t.lists, err = episodeFiles(path); err != nil || len(t.lists) > 0 {
		return t, err
	}
	if t.common, err = Load(path, o); err != nil {
		return t, err
	}
	if t.common.Splits()[""] < len(t.common.Samples) {
		t.common, err = t.common.Split(Test)
	}
	return t, err
}

// of returns the test samples of an episode with the given classes.
func (t episodeTests) of(list episodeList, classes []string) (*Dataset, error) {
	rest := t.common
	if rest == nil {
		i := slices.IndexFunc(t.lists, func(l episodeList) bool { return l.number == list.number })
		if i < 0 {
			return nil, fmt.Errorf("%s: no test list with this number in %s", list.path, t.path)
		}
		var err error
		if rest, err = Load(t.lists[i].path, t.options); err != nil {
			return nil, err
		}
		// A class that only the test has would be evaluated and never learned.
		if rest, err = rest.WithClasses(classes); err != nil {
			return nil, fmt.Errorf("%w in %s", err, list.path)
		}
	}
	rest, err := rest.only(classes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list.path, err)
	}
	return rest, nil
}

type episodeList struct {
	path   string
	number int
}

// episodeFiles returns the split_<N>.list files at a path, sorted by number.
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
