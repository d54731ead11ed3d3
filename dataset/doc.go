// Package dataset reads annotation files: the labels, captions or segments of videos, and
// their splits. It does not read the videos. A [Resolver] finds the stored features of the
// videos that an annotation names.
//
// # Labels
//
// [Load] reads one label per video or segment. It detects the format from the path;
// [Options].Format overrides it.
//
// folder: one folder per class, optionally below train, val and test folders.
//
//	wave/a.mp4            train/wave/a.mp4
//	brush_hair/b.avi      test/brush_hair/b.avi
//
// csv: a table with a header. The columns path and label are required; split (train, val or
// test), start and end (seconds; end 0 = end of the video) are optional. Columns can be in
// any order.
//
//	path,label,split,start,end
//	clips/a.mp4,waving,train,0,4.5
//
// jsonl: the same keys, one object per line.
//
//	{"path": "clips/a.mp4", "label": "waving"}
//	{"path": "clips/b.mp4", "label": "brushing hair", "split": "test", "start": 2.5, "end": 4}
//
// hmdb51: the folder of the official files <class>_test_split<N>.txt, or one of them: 1 =
// train, 2 = test, 0 = unused.
//
//	April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1
//	Silky_Straight_Hair_brush_hair_h_nm_np1_ba_goo_0.avi 2
//
// list: class/video on each line, with or without an extension: the files
// train_split01.txt and test_split01.txt (one of them, or their folder) and the *.list files
// of the repository "Prompting Visual-Language Models for Efficient Video Understanding".
// The split is in the name of the file or its folder.
//
//	brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi
//	kick ball/metacafe_coolsoccer_kick_ball_f_nm_np1_ba_bad_5
//
// ucf101: trainlist<N>.txt and testlist<N>.txt (one of them, or their folder), with
// classInd.txt next to them for the order of the classes.
//
//	ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
//	ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi
//
// kinetics: a CSV file of trimmed clips. The clips have the usual names: the ID and both
// times with six digits (0wR5jVB-WPk_000417_000427).
//
//	label,youtube_id,time_start,time_end,split,is_cc
//	abseiling,0wR5jVB-WPk,417,427,val,0
//
// mmaction2: a path and the number of its class, from 0. The names are [Options].Classes, or
// the only label_map*.txt next to the list.
//
//	abseiling/0wR5jVB-WPk_000417_000427.mp4 0
//	zumba/XWvGn7eI04A_000012_000022.mp4 399
//
// huggingface: a data set folder of Hugging Face (VideoFolder): metadata.jsonl, metadata.csv
// or metadata.parquet in the folder or in those of its splits, or one of these files. A row
// has file_name (or video, or path) relative to its file, and label. Other columns are left out.
//
//	{"file_name": "a.mp4", "label": "waving"}
//
// elan, textgrid, boris, cvat, datumaro, labelstudio, via, fiftyone, coco, parquet, srt, vtt, edl,
// activitynet: spans with labels as annotation programs write them, one file or a folder of them;
// docs/formats.md describes each. A folder needs [Options].Format.
//
// # Captions
//
// [LoadCaptions] reads sentences about videos.
//
// csv and jsonl: one caption per line; a video may have several. The columns video (or path)
// and caption are required; split, start and end are optional.
//
//	video,caption
//	mv89psg6zh4_33_46.avi,a bird is bathing in a sink
//
// msrvtt: the folder of MSRVTT_data.json, MSRVTT_JSFUSION_test.csv (1k-A) and
// MSRVTT_train.9k.csv or .7k.csv, or one of the first two files.
//
//	key,vid_key,video_id,sentence
//	ret0,msr9770,video9770,a person is connecting something to system
//
// didemo: train_data.json, val_data.json and test_data.json, one of them or their folder. All
// descriptions of a video become one caption.
//
// lsmdc: LSMDC16_annos_training.csv and similar files, one of them or their folder: clip, four
// times and sentence, separated by tabs.
//
// Spans of annotation programs, too, whose labels are the captions.
//
// # Segments
//
// [LoadSegments] reads the labeled segments of long videos; [SegmentFormats] describes its
// formats.
//
// # Shards
//
// [Unpack] writes the samples of WebDataset's tar files to folders that [Load] and [LoadCaptions]
// read.
//
// # Names and files
//
// Classes are compared by their [Canonical] names, so that "brush_hair", "Brush Hair" and
// "BrushHair" are one class. Paths and labels are compared in one Unicode form, and returned
// as they are written. Files may be UTF-8, with or without a byte order mark, or UTF-16 with
// one. Only regular files are opened. A file that is implausible as annotation, such as a
// line of more than a MiB, is refused before it takes much memory.
//
// Random choices depend on a seed and on the samples, never on their order in a file.
package dataset
