package client

import (
	"encoding/json"
	"time"

	"github.com/clipcue/clipcue/label"
)

// Moment is a part of a video.
type Moment struct {
	Video     int64   `json:"video" doc:"number of the video"`
	Name      string  `json:"name" doc:"of the file"`
	Folder    string  `json:"folder" doc:"relative to the folder that the library was given"`
	Start     float64 `json:"start" doc:"seconds"`
	End       float64 `json:"end" doc:"seconds"`
	Best      float64 `json:"best" doc:"start of the best moment of several adjacent ones, in seconds"`
	Thumbnail string  `json:"thumbnail" doc:"address of a JPEG image"`
	Score     float64 `json:"score" doc:"0 to 1; see the operation"`
	Cosine    float64 `json:"cosine,omitempty" doc:"of the embeddings of the best moment and the query"`
	Missing   bool    `json:"missing" doc:"the video was not at its path when the library was updated"`
	Changed   bool    `json:"changed" doc:"the file of the video has changed since it was indexed"`
	Blank     bool    `json:"blank" doc:"most frames show nothing: one color, noise, color bars"`
}

// Span is a part of a video in seconds.
type Span struct {
	Start float64 `json:"start" minimum:"0"`
	End   float64 `json:"end" minimum:"0"`
}

// SearchQuery is what a search looks for. Saved searches have the same fields.
type SearchQuery struct {
	Q          string   `query:"q" json:"q,omitempty" maxLength:"1000" doc:"what the moment shows; -word and -\"several words\" exclude something"`
	Without    []string `query:"without,explode" json:"without,omitempty" maxItems:"20" doc:"texts of what the moment must not show"`
	Like       []string `query:"like,explode" json:"like,omitempty" maxItems:"20" pattern:"^[0-9]+@[0-9.]+$" doc:"moments to find more of: VIDEO@SECONDS"`
	Example    []string `query:"example,explode" json:"example,omitempty" maxItems:"8" doc:"uploaded examples"`
	Folder     string   `query:"folder" json:"folder,omitempty" maxLength:"1000" doc:"only videos in this folder, as moments name it, and below"`
	Path       string   `query:"path" json:"path,omitempty" maxLength:"1000" doc:"pattern of the path, such as *holiday*"`
	Since      string   `query:"since" json:"since,omitempty" maxLength:"40" doc:"only files changed on this day or later: 2026-01-31, or RFC 3339"`
	Until      string   `query:"until" json:"until,omitempty" maxLength:"40" doc:"only files changed before this day"`
	MinSeconds float64  `query:"min_seconds" json:"min_seconds,omitempty" minimum:"0" doc:"least length of the video"`
	MaxSeconds float64  `query:"max_seconds" json:"max_seconds,omitempty" minimum:"0" doc:"greatest length of the video"`
	Label      []int64  `query:"label,explode" json:"label,omitempty" maxItems:"20" doc:"only moments that show one of these labels"`
}

// Found is the response to a search.
type Found struct {
	Results  []Moment `json:"results" doc:"the best first"`
	Matched  bool     `json:"matched" doc:"whether the best result is better than chance"`
	More     bool     `json:"more" doc:"whether there are results after these"`
	Warnings []string `json:"warnings"`
	Query    string   `json:"query" doc:"what was understood"`
	Took     float64  `json:"took_ms"`
}

// SavedSearch is a search with a name.
type SavedSearch struct {
	Name    string      `json:"name"`
	Query   SearchQuery `json:"query"`
	Created time.Time   `json:"created"`
}

// Example is an uploaded image or clip, to find moments like it.
type Example struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"image,video"`
	Name string `json:"name"`
}

// Video is a video of the library.
type Video struct {
	Video     int64     `json:"video" doc:"its number"`
	Name      string    `json:"name"`
	Folder    string    `json:"folder" doc:"relative to the folder that the library was given"`
	Seconds   float64   `json:"seconds"`
	Moments   int       `json:"moments"`
	Modified  time.Time `json:"modified" doc:"the file, when it was indexed"`
	Missing   bool      `json:"missing"`
	Changed   bool      `json:"changed" doc:"the file has changed since it was indexed; requests that read it are refused until it is indexed again"`
	Pending   bool      `json:"pending" doc:"it is waiting to be re-indexed"`
	Partial   string    `json:"partial" doc:"why only a part of it is in the library"`
	Thumbnail string    `json:"thumbnail,omitempty"`
}

// VideoDetails are a video with the properties of its file.
type VideoDetails struct {
	Video
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	FrameRate float64 `json:"frame_rate"`
	Playable  bool    `json:"playable" doc:"browsers can play the file itself"`
	Problem   string  `json:"problem" doc:"why the file cannot be read now, or is not read"`
}

// VideoMoment is a moment of a video.
type VideoMoment struct {
	Span
	Thumbnail string `json:"thumbnail"`
}

// Track is what a label sees in a video.
type Track struct {
	Label    int64     `json:"label"`
	Name     string    `json:"name"`
	Scores   []Scored  `json:"scores" doc:"by time"`
	Segments []Segment `json:"segments"`
	Marks    []Mark    `json:"marks"`
	Problem  string    `json:"problem" doc:"why there are no segments"`
}

// Scored is the probability at a time.
type Scored struct {
	T float64 `json:"t" doc:"middle of the moment, in seconds"`
	P float64 `json:"p" doc:"probability, 0 to 1"`
}

// Label is what the library learns from marks.
type Label struct {
	Label     int64    `json:"label" doc:"its number"`
	Name      string   `json:"name"`
	Texts     []string `json:"texts" doc:"what it looks like, in words; without any, the name"`
	Positives int      `json:"positives" doc:"number of marks"`
	Negatives int      `json:"negatives" doc:"number of marks"`
	Trained   bool     `json:"trained" doc:"it has a trained head"`
	Revision  string   `json:"revision" doc:"changes with the marks"`
	Point     *Point   `json:"point,omitempty" doc:"operating point; absent for the default, a precision of 0.8"`
}

// Point is an operating point: a precision or a recall.
type Point struct {
	Precision float64 `json:"precision,omitempty" minimum:"0" maximum:"1"`
	Recall    float64 `json:"recall,omitempty" minimum:"0" maximum:"1"`
}

// Feed holds moments to mark.
type Feed struct {
	Feed     string       `json:"feed"`
	Moments  []FeedMoment `json:"moments"`
	Revision string       `json:"revision" doc:"changes with the marks"`
}

// FeedMoment is a moment to mark or, in the feed suspects, a mark that the others contradict.
type FeedMoment struct {
	Moment
	Mark     int64   `json:"mark,omitempty" doc:"number of the mark"`
	Positive bool    `json:"positive,omitempty" doc:"of the mark"`
	Margin   float64 `json:"margin,omitempty" doc:"how strongly the other marks contradict"`
}

// Quality is an estimate of how well a label works at an operating point.
type Quality struct {
	label.Quality
	Problem string `json:"problem" doc:"why there is no estimate"`
	Unused  int    `json:"unused" doc:"marks whose videos are not in the library, or wait to be re-indexed"`
}

// Boundary holds moments on both sides of an operating point.
type Boundary struct {
	Threshold float64  `json:"threshold" doc:"of the scores, as log-odds"`
	Above     []Moment `json:"above" doc:"the closest first"`
	Below     []Moment `json:"below" doc:"the closest first"`
	Problem   string   `json:"problem"`
}

// Segment is a part of a video that shows a label.
type Segment struct {
	Video     int64   `json:"video"`
	Name      string  `json:"name"`
	Folder    string  `json:"folder"`
	Start     float64 `json:"start"`
	End       float64 `json:"end"`
	Score     float64 `json:"score" doc:"probability of the best moment, 0 to 1"`
	Thumbnail string  `json:"thumbnail,omitempty"`
}

// SegmentList is a page of segments.
type SegmentList struct {
	Segments []Segment `json:"segments" doc:"by video and start"`
	Total    int       `json:"total"`
	Seconds  float64   `json:"seconds" doc:"of all"`
	Videos   int       `json:"videos" doc:"number of videos with segments"`
	Problem  string    `json:"problem"`
}

// Mark says that a part of a video shows a label, or does not.
type Mark struct {
	ID       int64     `json:"id" doc:"its number"`
	Video    int64     `json:"video" doc:"0 if the video is not in the library now"`
	Name     string    `json:"name"`
	Folder   string    `json:"folder"`
	Start    float64   `json:"start"`
	End      float64   `json:"end"`
	Positive bool      `json:"positive"`
	Author   string    `json:"author"`
	Time     time.Time `json:"time"`
}

// NewMark is a mark to add.
type NewMark struct {
	Video    int64   `json:"video"`
	Start    float64 `json:"start" minimum:"0"`
	End      float64 `json:"end" minimum:"0"`
	Positive bool    `json:"positive"`
}

// Changed is a label after a change of its marks.
type Changed struct {
	IDs       []int64 `json:"ids" doc:"of the added marks, in their order"`
	Positives int     `json:"positives"`
	Negatives int     `json:"negatives"`
	Revision  string  `json:"revision"`
	Feed      *Feed   `json:"feed,omitempty"`
}

// Library describes the library.
type Library struct {
	Name       string   `json:"name" doc:"of its folder"`
	Videos     int      `json:"videos"`
	Seconds    float64  `json:"seconds" doc:"of these"`
	Moments    int      `json:"moments"`
	Pending    int      `json:"pending" doc:"videos that are waiting to be re-indexed"`
	Missing    int      `json:"missing"`
	Failed     int      `json:"failed"`
	Window     float64  `json:"window" doc:"length of a moment in seconds"`
	Hop        float64  `json:"hop" doc:"seconds between the starts of moments"`
	Model      string   `json:"model"`
	Run        string   `json:"run" doc:"trained model, or empty"`
	Precision  string   `json:"precision"`
	Folders    []string `json:"folders" doc:"names of the folders that the library was given"`
	Writer     string   `json:"writer" doc:"who is changing the library now, or empty"`
	Version    string   `json:"version" doc:"of clipcue"`
	Generation string   `json:"generation" doc:"changes when videos or moments do"`
}

// Problem is a video that is not completely in the library.
type Problem struct {
	Video  int64  `json:"video,omitempty"`
	Name   string `json:"name"`
	Folder string `json:"folder"`
	Reason string `json:"reason"`
}

// Problems are the videos that are not completely in the library.
type Problems struct {
	Failed  []Problem `json:"failed" doc:"not in the library"`
	Missing []Problem `json:"missing" doc:"not at their paths"`
	Partial []Problem `json:"partial" doc:"decoded only in part"`
}

// Model is a model on this machine.
type Model struct {
	Name string `json:"name"`
	Kind string `json:"kind" enum:"backbone,run"`
	Used bool   `json:"used" doc:"by this library"`
}

// ExportFormat is a format of export jobs.
type ExportFormat struct {
	Name       string   `json:"name" doc:"format of an export job"`
	Program    string   `json:"program" doc:"that reads it"`
	Extensions []string `json:"extensions"`
	Loses      string   `json:"loses" doc:"what the format cannot represent; empty if nothing"`
}

// NewJob is a job to run.
type NewJob struct {
	Kind    string   `json:"kind" enum:"index,train,apply,export,duplicates"`
	Folders []string `json:"folders,omitempty" maxItems:"100" doc:"index: folders of the server to add; none to update the library"`
	Label   int64    `json:"label,omitempty" doc:"train, export"`
	Method  string   `json:"method,omitempty" enum:"kernel,recognizer,auto" doc:"train; default kernel"`
	Labels  []int64  `json:"labels,omitempty" maxItems:"1000" doc:"apply; none for all that have marks"`
	Format  string   `json:"format,omitempty" enum:"csv,jsonl,parquet,activitynet,labelstudio,srt,vtt,edl,elan,textgrid,boris,via,cvat,datumaro,fiftyone,coco,huggingface,premiere,resolve,fcpxml,ffmetadata,matroska,mpv,clips" doc:"export"`
	What    string   `json:"what,omitempty" enum:"segments,marks" doc:"export; default segments"`
	Video   int64    `json:"video,omitempty" doc:"export: only of this video"`
}

// Folder is a folder of the server.
type Folder struct {
	Path string `json:"path"`
	Name string `json:"name"`
}

// VideoName names a video.
type VideoName struct {
	Video  int64  `json:"video"`
	Name   string `json:"name"`
	Folder string `json:"folder"`
}

// Duplicates are videos that are more than once in the library.
type Duplicates struct {
	Exact []ExactDuplicate `json:"exact" doc:"the same files"`
	Near  []NearDuplicate  `json:"near" doc:"videos that share frames"`
}

// ExactDuplicate is a set of files with the same content.
type ExactDuplicate struct {
	Bytes  int64       `json:"bytes" doc:"of each"`
	Videos []VideoName `json:"videos"`
}

// NearDuplicate is a pair of videos that share frames.
type NearDuplicate struct {
	A     VideoName    `json:"a"`
	B     VideoName    `json:"b"`
	Parts []SharedPart `json:"parts" doc:"the longest first"`
}

// SharedPart is a part of two videos that shows the same.
type SharedPart struct {
	A          Span    `json:"a"`
	B          Span    `json:"b"`
	Similarity float64 `json:"similarity"`
}

// Session says who is asking.
type Session struct {
	Required bool   `json:"required" doc:"requests need a token"`
	User     string `json:"user" doc:"name of the token, or empty"`
	Role     string `json:"role" doc:"view, edit, or empty for nobody"`
}

// State is the state of a job.
type State string

// The states.
const (
	Waiting  State = "waiting"
	Running  State = "running"
	Done     State = "done"
	Failed   State = "failed"
	Canceled State = "canceled"
)

// Ended reports whether the job has ended.
func (s State) Ended() bool { return s == Done || s == Failed || s == Canceled }

// Job is long work of the server.
type Job struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	State    State           `json:"state"`
	Title    string          `json:"title"`
	Done     int64           `json:"done"`
	Total    int64           `json:"total"` // 0 = unknown
	Unit     string          `json:"unit"`
	ETA      float64         `json:"eta_seconds"` // 0 = unknown
	Detail   string          `json:"detail"`
	Error    string          `json:"error"`
	Created  time.Time       `json:"created"`
	Started  time.Time       `json:"started,omitzero"`
	Finished time.Time       `json:"finished,omitzero"`
	Result   json.RawMessage `json:"result,omitempty"`
	File     string          `json:"file"` // path in the API; "" = none
}
