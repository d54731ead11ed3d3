package markfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// writeTextGrid writes a tier of intervals for each label in Praat's long format. Intervals
// without text fill the gaps, up to the end of the video.
func writeTextGrid(w io.Writer, rows []Row, o Options) error {
	end := 0.0
	if o.Duration != nil && len(rows) > 0 {
		end = o.Duration(text.Unescape(rows[0].Video))
	}
	for _, r := range rows {
		end = max(end, r.End)
	}
	tiers := layers(rows)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = %s\ntiers? <exists>\nsize = %d\nitem []:\n", number(end), len(tiers))
	for i, l := range tiers {
		all := filled(l.rows, end)
		fmt.Fprintf(b, "    item [%d]:\n        class = \"IntervalTier\"\n        name = %s\n        xmin = 0\n        xmax = %s\n        intervals: size = %d\n",
			i+1, praatQuote(l.name), number(end), len(all))
		for j, r := range all {
			fmt.Fprintf(b, "        intervals [%d]:\n            xmin = %s\n            xmax = %s\n            text = %s\n", j+1, number(r.Start), number(r.End), praatQuote(r.Label))
		}
	}
	return b.Flush()
}

// filled returns rows that do not overlap, and rows without a label between them.
func filled(rows []Row, end float64) (out []Row) {
	at := 0.0
	for _, r := range rows {
		if r.Start > at {
			out = append(out, Row{Start: at, End: r.Start})
		}
		out, at = append(out, r), r.End
	}
	if at < end {
		out = append(out, Row{Start: at, End: end})
	}
	return out
}

func praatQuote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// praat reads Praat's text files. Long and short ones have the same values: only texts in
// quotes and numbers between spaces count, and other words are comments.
type praat struct {
	rest string
	err  error
}

// next returns the next text, without its quotes, or the next number.
func (p *praat) next() (value string, isText bool) {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		switch {
		case p.rest == "":
			p.err = errors.New("it ends within a tier")
			return "", false
		case p.rest[0] == '"':
			return p.text(), true
		}
		n := strings.IndexAny(p.rest, " \t\r\n")
		if p.rest[0] == '!' {
			n = strings.IndexByte(p.rest, '\n')
		}
		if n < 0 {
			n = len(p.rest)
		}
		word := p.rest[:n]
		p.rest = p.rest[n:]
		if strings.ContainsRune("+-.0123456789", rune(word[0])) {
			return word, false
		}
	}
}

// text returns the text in quotes at the start of the rest. Quotes in it are doubled.
func (p *praat) text() string {
	var b strings.Builder
	for p.rest = p.rest[1:]; ; {
		n := strings.IndexByte(p.rest, '"')
		if n < 0 {
			p.err, p.rest = errors.New("a text has no closing quote"), ""
			return ""
		}
		b.WriteString(p.rest[:n])
		p.rest = p.rest[n+1:]
		if !strings.HasPrefix(p.rest, `"`) {
			return b.String()
		}
		b.WriteByte('"')
		p.rest = p.rest[1:]
	}
}

func (p *praat) string() string {
	s, ok := p.next()
	if !ok && p.err == nil {
		p.err = fmt.Errorf("%q is not a text in quotes", s)
	}
	return s
}

func (p *praat) number() float64 {
	s, isText := p.next()
	x, err := strconv.ParseFloat(s, 64)
	if (isText || err != nil) && p.err == nil {
		p.err = fmt.Errorf("%q is not a number", s)
	}
	return x
}

// readTextGrid reads the intervals that have text. The text is the label.
func readTextGrid(data []byte, o Options) (rows []Row, err error) {
	p := &praat{rest: string(data)}
	if file, class := p.string(), p.string(); p.err != nil || file != "ooTextFile" || class != "TextGrid" {
		return nil, errors.New("it is not a TextGrid in text form")
	}
	if from := p.number(); from != 0 && p.err == nil {
		return nil, fmt.Errorf("its times start at %g s instead of 0, so their place in the video is unknown; apply Praat's \"Shift times to...\"", from)
	}
	p.number()
	points := 0
	for n := p.number(); n > 0 && p.err == nil; n-- {
		class := p.string()
		p.string() // the name
		p.number()
		p.number()
		for m := p.number(); m > 0 && p.err == nil; m-- {
			r := Row{Start: p.number()}
			if class == "IntervalTier" {
				r.End = p.number()
			}
			r.Label = oneLine(p.string())
			switch {
			case r.Label == "":
			case class != "IntervalTier":
				points++
			case len(rows) == maxRows:
				return nil, errRows
			default:
				rows = append(rows, r)
			}
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	o.lost("points without a duration", points)
	return rows, nil
}
