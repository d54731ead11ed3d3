package synth

// Unlisted returns what the untrimmed videos of a dataset show although their segments do not
// list it: the motions of objects, appearing and vanishing included, in videos whose segments
// are objects, and the objects in videos whose segments are motions. Keys are the paths of
// the videos.
func Unlisted(o Options) (map[string][]Visit, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	out := map[string][]Visit{}
	for _, j := range o.jobs() {
		s, _, err := o.scene(j, 0)
		if err != nil {
			return nil, err
		}
		if s.Visits == nil {
			for _, a := range s.Acts[0].Actors {
				out[j.path] = append(out[j.path], Visit{0, o.Seconds, a.Object.String()})
			}
			continue
		}
		for i, v := range s.Visits {
			m := s.Acts[0].Actors[i].Motion
			out[j.path] = append(out[j.path], Visit{v.Start, v.End, m.class()},
				Visit{v.Start, v.Start + m.Appear.For, "appearing"}, Visit{v.End - m.Vanish.For, v.End, "vanishing"})
		}
	}
	return out, nil
}

// class returns the class of a motion that takes neither appearing nor vanishing into account.
func (m Motion) class() string {
	for _, c := range []struct {
		amount             float64
		positive, negative string
	}{
		{m.Velocity.X, "moving right", "moving left"},
		{m.Velocity.Y, "moving down", "moving up"},
		{m.Growth, "growing", "shrinking"},
		{m.Spin, "turning clockwise", "turning counter-clockwise"},
		{m.Orbit.Rate, "circling clockwise", "circling counter-clockwise"},
		{m.Swing.Rate, "swinging from side to side", ""},
		{m.Bounce.Rate, "bouncing up and down", ""},
	} {
		if c.amount > 0 {
			return c.positive
		} else if c.amount < 0 {
			return c.negative
		}
	}
	return ""
}
