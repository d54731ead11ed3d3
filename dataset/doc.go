// Package dataset reads annotation files: which video shows what, and which
// split it belongs to. It knows nothing of the videos themselves; a [Resolver]
// finds the stored features that belong to the names in an annotation.
//
// [LoadSegments] reads what happens when in long videos; [SegmentFormats] lists its
// formats. [Load] reads all else. It decides the format from what a path is;
// [Options].Format forces one.
//
// folder: one folder a class, if wanted below train, val and test folders.
//
//	wave/a.mp4            train/wave/a.mp4
//	brush_hair/b.avi      test/brush_hair/b.avi
//
// csv: a manifest with a header. The columns path and label are needed; split
// (train, val or test), start and end (seconds; end 0 = to the video's end) are
// not. Columns stand in any order.
//
//	path,label,split,start,end
//	clips/a.mp4,waving,train,0,4.5
//
// jsonl: the same keys, one object a line.
//
//	{"path": "clips/a.mp4", "label": "waving"}
//	{"path": "clips/b.mp4", "label": "brushing hair", "split": "test", "start": 2.5, "end": 4}
//
// hmdb51: the folder of official files <class>_test_split<N>.txt, or one of
// them: 1 = train, 2 = test, 0 = unused.
//
//	April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1
//	Silky_Straight_Hair_brush_hair_h_nm_np1_ba_goo_0.avi 2
//
// list: class/video on each line, with or without an extension: the files
// train_split01.txt and test_split01.txt (one of them, or their folder) and the
// *.list files of the repository "Prompting Visual-Language Models for Efficient
// Video Understanding". The split stands in the name of the file or its folder.
//
//	brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi
//	kick ball/metacafe_coolsoccer_kick_ball_f_nm_np1_ba_bad_5
//
// ucf101: trainlist<N>.txt and testlist<N>.txt (one of them, or their folder),
// with classInd.txt beside them for the order of the classes.
//
//	ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
//	ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi
//
// kinetics: a CSV file of trimmed clips; clips carry the field's usual name, the
// id and both times with six digits (0wR5jVB-WPk_000417_000427).
//
//	label,youtube_id,time_start,time_end,split,is_cc
//	abseiling,0wR5jVB-WPk,417,427,val,0
//
// mmaction2: a path and the number of its class, from 0. The names come from
// [Options].Classes or from the one label_map*.txt beside the list.
//
//	abseiling/0wR5jVB-WPk_000417_000427.mp4 0
//	zumba/XWvGn7eI04A_000012_000022.mp4 399
//
// [LoadCaptions] reads sentences about videos in these formats:
//
// csv and jsonl: one caption a line; a video may have several. The columns video
// (or path) and caption are needed; split, start and end are not.
//
//	video,caption
//	mv89psg6zh4_33_46.avi,a bird is bathing in a sink
//
// msrvtt: the folder of MSRVTT_data.json, MSRVTT_JSFUSION_test.csv (1k-A) and
// MSRVTT_train.9k.csv or .7k.csv, or one of the first two.
//
//	key,vid_key,video_id,sentence
//	ret0,msr9770,video9770,a person is connecting something to system
//
// didemo: train_data.json, val_data.json and test_data.json, one of them or their
// folder; all that is said of a video becomes one caption.
//
// lsmdc: LSMDC16_annos_training.csv and its like, one of them or their folder: clip,
// four times and sentence between tabs.
//
// Classes are matched by [Canonical] names, so that "brush_hair", "Brush Hair"
// and "BrushHair" are one class. Random choices depend on a seed and on the
// samples themselves, never on their order in a file.
package dataset
