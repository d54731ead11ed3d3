package video

import (
	"bytes"
	"encoding/base64"
	"testing"
)

// Lossy images have the pixels that PIL 13 gives: those of WebP exactly, those of JPEG up to the
// rounding of the cosine transform. Images are 9×7, and stand before their pixels.
func TestPlanarEqualsPIL(t *testing.T) {
	for _, c := range []struct {
		name        string
		tolerance   int
		file, pixel string
	}{
		{"WEBP 4:2:0", 0, "UklGRmYAAABXRUJQVlA4IFoAAAAQAgCdASoJAAcAAoBCJbACdLoAAroTVRd4APl8X8roExUPPs8df5jow6l8WmLQT2P0/7ffv7e6C+cneRdn3Vrg72W/6/6/fv6e6waXvKd//ocmKhi7P/6pgAA=",
			"SBrSXkmwiqNpqutjlPJweu2UUM3BLqzTI5rdXCDYb067lKZ+s+13nu93iO+YXNnDNrzYJK3jkDv1kVvUnaCcsNiLs+qHnvCccOjGQtfcI83vrG77oHfXm5mjp7eNz9qixOS3k+TZYdzsO9f7eoS3h42vmJqcsJ6Z05+ot46ne4q3RoG4JoK+U5qIbpmNnpWTxoukyWGhp0ecVTaHIjGABDN+LqhqWJ91qYeH3nSozjarph+jTBN4EwpfAApb"},
		{"JPEG 4:2:0", 2, "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAHAAkDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDoU+LHh34H/B37Be6bcXmkvvEMUTYZT3JNeF/8NjfDj/oWdR/7+0UV+q8NwUcF9eX8TESlUn2cm9Xbpfd+Z89xJwllmZ4XLszrKUatejGc+WTinJ+S0XkuiP/Z",
			"NhfVUUSwk6ZvtvNqlv99a/KUSdPEKrDTJpnSUB7XaUy6mqV9s+h0m/uAePWaUNnFKrbRIKfXkTvol1vMpJuUq9CCpO+Klf6pcPPUQNriJ9LwrGfmqHPLqJKfr7OQuNGXsOm2iebbVtjoNdX1hYi1joarqo2hwZehyJmfr5eleJC0Q4e4IInAUpZ/b5CHsIud04Cqx1+amUGLVzWJITCDADJ+K6pdWJxruImR53Cq0TumnBWWWAuLIgV5AQdn"},
		{"JPEG 4:2:2", 2, "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAHAAkDASEAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDoU+LHh34H/B37Be6bcXmkvvEMUTYZT3JNeF/8NjfDj/oWdR/7+1+o8NRqU44rME/dxVWVVLs5O8vxuflfGvB2Z46ths1yytGFPEw50mrtJv3V8kf/2Q==",
			"LBriSka1kKloufJjoPuCdeuhSdHRJrDhHpnmVhjlaUrCkKp9qe5tnPt5gPKTXdW8NbHNJaTboDHvnFjRk6OWldx8mfh6kv+VcfbBQtzUINfpw13cs27HmpilmL+TpN2OofSmePPHQObYEunslIOjl4SiopCmtpuswZ2hq5qkcZWvOI2yDJS8TpxsbJR6rouh2Xu32FSqsDOZbSiSOCOIECiAKqtYVZ5ps4uU52613TKysAmhbwCPOAB5EwBp"},
	} {
		file, err := base64.StdEncoding.DecodeString(c.file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := base64.StdEncoding.DecodeString(c.pixel)
		if err != nil {
			t.Fatal(err)
		}
		f, err := DecodeImage(bytes.NewReader(file))
		if err != nil || f.Width != 9 || f.Height != 7 || len(want) != len(f.Pix) {
			t.Fatal(c.name, f.Width, f.Height, err)
		}
		differ := 0
		for i, v := range f.Pix {
			if d := max(v, want[i]) - min(v, want[i]); int(d) > c.tolerance {
				t.Errorf("%s: byte %d is %d instead of %d", c.name, i, v, want[i])
			} else if d > 0 {
				differ++
			}
		}
		if differ > len(want)/6 {
			t.Errorf("%s: %d of %d bytes differ", c.name, differ, len(want))
		}
	}
}

// The colors of JPEG are those of libjpeg's tables (jdcolor.c), for every luma and chroma.
func TestJPEGColors(t *testing.T) {
	const half = 1 << 15
	var cr, cb, greenCr, greenCb [256]int
	for i := range 256 {
		x := i - 128
		cr[i], cb[i] = (91881*x+half)>>16, (116130*x+half)>>16
		greenCr[i], greenCb[i] = -46802*x, -22554*x+half
	}
	limit := func(v int) byte { return byte(max(0, min(255, v))) }
	const n = 256 * 256
	light, blue, red := make([]byte, n), make([]byte, n), make([]byte, n)
	got, want := make([]byte, 3*n), make([]byte, 3*n)
	for y := range 256 {
		for i := range n {
			light[i], blue[i], red[i] = byte(y), byte(i), byte(i>>8)
			b, r := i%256, i/256
			want[3*i], want[3*i+1], want[3*i+2] = limit(y+cr[r]), limit(y+(greenCb[b]+greenCr[r])>>16), limit(y+cb[b])
		}
		if jpegPixels(got, 0, 3, light, blue, red); !bytes.Equal(got, want) {
			t.Fatalf("luma %d", y)
		}
	}
}
