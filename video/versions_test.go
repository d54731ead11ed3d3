package video

import (
	"os"
	"path/filepath"
	"testing"
)

// Log texts, options and defaults of ffmpeg change with its versions, decisions about files do
// not. CLIPCUE_FFMPEGS lists programs of other versions, as a path list;
// scripts/other-ffmpegs.sh installs some and runs this test.
func TestOtherVersionsOfFFmpeg(t *testing.T) {
	programs := filepath.SplitList(os.Getenv("CLIPCUE_FFMPEGS"))
	if len(programs) == 0 {
		t.Skip("CLIPCUE_FFMPEGS lists no programs")
	}
	for _, program := range programs {
		t.Setenv("CLIPCUE_FFMPEG", program)
		version, err := DecoderVersion(t.Context())
		if err != nil {
			t.Error(err)
			continue
		}
		t.Run(version, func(t *testing.T) {
			t.Run("damage", TestDamageIsOfFrames)
			t.Run("endings", TestStreamsStartAndEndAnywhere)
			t.Run("joined", TestJoinedStreamsAreWhole)
			t.Run("truncated", TestTruncatedContainers)
			t.Run("encrypted", TestEncryptedFiles)
			t.Run("held", TestLastFrameIsHeld)
			t.Run("odd", TestOddFiles)
			t.Run("alpha", TestTransparentPixelsAreBlack)
			t.Run("selecting", TestSelectingOnRealClips)
			t.Run("keyframes", TestOnlyKeyframesAreDecoded)
			t.Run("dependent keyframes", TestKeyframesThatDependOnOthers)
			t.Run("grainy keyframes", TestKeyframesWithFilmGrain)
			t.Run("false keyframes", TestLiesAboutKeyframes)
			t.Run("damaged keyframes", TestDamagedKeyframes)
		})
	}
}
