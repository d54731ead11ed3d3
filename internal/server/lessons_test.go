package server

import (
	"fmt"
	"strings"
	"testing"
)

// A search with a label finds what the label shows, and follows its marks. Other labels keep
// what they have learned.
func TestLabelFilter(t *testing.T) {
	_, site := serve(t)
	var red, other Label
	call(t, site, "POST", "/labels", object{"name": "red", "texts": []string{"a red circle"}}, 201, &red)
	call(t, site, "POST", "/labels", object{"name": "other"}, 201, &other)
	var found Found
	search := fmt.Sprintf("/search?q=a+red+circle&label=%d", red.Label)
	call(t, site, "GET", search, nil, 200, &found)
	if len(found.Results) != 0 {
		t.Errorf("a label without marks shows %+v", found.Results)
	}
	call(t, site, "GET", "/search?q=a+red+circle&limit=1", nil, 200, &found)
	best := found.Results[0]
	call(t, site, "POST", fmt.Sprintf("/labels/%d/marks", red.Label), object{"marks": []object{{"video": best.Video, "start": best.Start, "end": best.End, "positive": true}}}, 200, nil)
	call(t, site, "GET", search, nil, 200, &found)
	if len(found.Results) == 0 || found.Results[0].Video != best.Video {
		t.Errorf("the marked moment is not found: %+v", found.Results)
	}
	var now Label
	call(t, site, "GET", fmt.Sprintf("/labels/%d", other.Label), nil, 200, &now)
	if now.Revision != other.Revision {
		t.Errorf("the revision of another label is %q, was %q", now.Revision, other.Revision)
	}
}

// A feed can be that of one video.
func TestFeedOfVideo(t *testing.T) {
	_, site := serve(t)
	var made Label
	call(t, site, "POST", "/labels", object{"name": "x"}, 201, &made)
	var feed Feed
	call(t, site, "GET", fmt.Sprintf("/labels/%d/feed?video=2", made.Label), nil, 200, &feed)
	if len(feed.Moments) == 0 {
		t.Error("no moments")
	}
	for _, m := range feed.Moments {
		if m.Video != 2 {
			t.Errorf("%+v", m)
		}
	}
	call(t, site, "GET", fmt.Sprintf("/labels/%d/feed?video=99", made.Label), nil, 404, nil)
}

// Reasons do not show where videos are.
func TestReasons(t *testing.T) {
	x := &snapshot{folders: []string{"/srv/archive"}}
	p := x.problem("/srv/archive/a/b.mp4", "/srv/archive/a/b.mp4: no video stream in /srv/archive/a/b.mp4, as /srv/archive/a says")
	if strings.Contains(p.Reason, "/srv") || p.Name != "b.mp4" || p.Folder != "a" {
		t.Errorf("%+v", p)
	}
}
