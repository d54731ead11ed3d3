package server

import "github.com/clipcue/clipcue/client"

// The types of requests and answers are those of the client.
type (
	Moment         = client.Moment
	Span           = client.Span
	SearchQuery    = client.SearchQuery
	Found          = client.Found
	SavedSearch    = client.SavedSearch
	Example        = client.Example
	Video          = client.Video
	VideoDetails   = client.VideoDetails
	VideoMoment    = client.VideoMoment
	Track          = client.Track
	Scored         = client.Scored
	Label          = client.Label
	Point          = client.Point
	Feed           = client.Feed
	FeedMoment     = client.FeedMoment
	Quality        = client.Quality
	Boundary       = client.Boundary
	Segment        = client.Segment
	SegmentList    = client.SegmentList
	Mark           = client.Mark
	NewMark        = client.NewMark
	Changed        = client.Changed
	Library        = client.Library
	Problem        = client.Problem
	Problems       = client.Problems
	Model          = client.Model
	ExportFormat   = client.ExportFormat
	NewJob         = client.NewJob
	Folder         = client.Folder
	VideoName      = client.VideoName
	Duplicates     = client.Duplicates
	ExactDuplicate = client.ExactDuplicate
	NearDuplicate  = client.NearDuplicate
	SharedPart     = client.SharedPart
	Session        = client.Session
)
