package hub

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const patience = 10 * time.Second // for an answer of the hub

// Reach asks the hub at HF_ENDPOINT, or Hugging Face, for an answer and returns its host.
func Reach(ctx context.Context) (host string, err error) {
	u, err := Options{}.endpoint()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, u.Scheme+"://"+u.Host, http.NoBody)
	if err != nil {
		return u.Host, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return u.Host, fmt.Errorf("%s does not answer: %w", u.Host, err)
	}
	return u.Host, answer.Body.Close()
}
