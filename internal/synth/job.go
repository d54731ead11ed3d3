package synth

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
)

// job is a video or image to render: number n of its class or, without classes, of all.
type job struct {
	path  string // relative to the dataset's folder, with slashes
	class string // "" except for motions and objects
	n     int
}

func (o Options) jobs() []job {
	var jobs []job
	switch o.Kind {
	case KindUntrimmed:
		for n := range o.Total {
			jobs = append(jobs, job{fmt.Sprintf("videos/%06d.mp4", n), "", n})
		}
	case KindPictures:
		for n := range o.Total {
			jobs = append(jobs, job{fmt.Sprintf("pictures/%06d.png", n), "", n})
		}
	default:
		for _, class := range o.Classes {
			for n := range o.PerClass {
				jobs = append(jobs, job{fmt.Sprintf("%s/%03d.mp4", strings.ReplaceAll(class, " ", "_"), n), class, n})
			}
		}
	}
	return jobs
}

func (j job) in(dir string) string { return filepath.Join(dir, filepath.FromSlash(j.path)) }

// split returns "train" or "test". Test videos are spread evenly over the numbers of a
// class; the split of a video does not depend on how many there are.
func (j job) split(testShare float64) string {
	if math.Floor(float64(j.n+1)*testShare) > math.Floor(float64(j.n)*testShare) {
		return "test"
	}
	return "train"
}

// scene returns the content of one take of a job, and its caption.
func (o Options) scene(j job, take int) (*Scene, string, error) {
	if o.Kind == KindPictures {
		s, words := World{Seed: o.Seed, Set: o.Set}.scene(uint64(j.n))
		return s, words, nil
	}
	hash := fnv.New64a()
	hash.Write([]byte(j.path))
	r := rand.New(rand.NewPCG(o.Seed, hash.Sum64()^mix(uint64(take))))
	var s *Scene
	var err error
	switch o.Kind {
	case KindObjects:
		s, err = objectScene(j.class, r, o.Seconds)
	case KindUntrimmed:
		if o.Label == LabelObjects {
			s = visited(o.Classes, r, o.Seconds, o.frame())
			return s, s.visitors(), nil
		}
		s = untrimmed(o.Classes, objects[o.Set], r, o.Seconds, o.frame())
	default:
		s, err = NewScene(j.class, objects[o.Set], r, o.Seconds)
		if err == nil && o.Simple {
			s.simplify()
		}
	}
	if err != nil {
		return nil, "", err
	}
	return s, caption(r, s.Labels(0), "video", s.doing()), nil
}
