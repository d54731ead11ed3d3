package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/filelock"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
)

// Token is a token without its secret.
type Token struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Created time.Time `json:"created"`
	// Hash is the SHA-256 of the secret in hexadecimal. The secret has 256 random bits, so
	// a slow hash would add nothing.
	Hash string `json:"hash"`
}

// Errors of the file of tokens.
var (
	ErrNoToken   = errors.New("there is no token of that name")
	ErrTokenName = errors.New("there already is a token of that name")
)

const (
	secretPrefix = "clipcue_" // makes a leaked secret recognizable
	maxTokens    = 1 << 20    // bytes of the file
)

// DefaultTokens returns the path of the file of tokens in the user's configuration folder.
func DefaultTokens() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "clipcue", "tokens.json"), err
}

// ReadTokens returns the tokens of a file, sorted by name. A file that does not exist has none.
func ReadTokens(path string) ([]Token, error) {
	data, err := input.ReadFile(path, maxTokens)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var doc tokenFile
	if err := input.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s is not a file of tokens: %w", path, err)
	}
	for _, t := range doc.Tokens {
		sum, err := hex.DecodeString(t.Hash)
		if _, bad := ParseRole(string(t.Role)); bad != nil || err != nil || len(sum) != sha256.Size || checkName(t.Name) != nil {
			return nil, fmt.Errorf("%s: the token %q is not valid", path, t.Name)
		}
	}
	slices.SortFunc(doc.Tokens, func(a, b Token) int { return cmp.Compare(a.Name, b.Name) })
	return doc.Tokens, nil
}

type tokenFile struct {
	Tokens []Token `json:"tokens"`
}

// AddToken adds a token to a file and returns its secret, which is stored nowhere.
func AddToken(path, name string, role Role) (secret string, err error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return "", err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(random)
	err = change(path, func(tokens []Token) ([]Token, error) {
		if slices.ContainsFunc(tokens, named(name)) {
			return nil, fmt.Errorf("%w: %q", ErrTokenName, name)
		}
		return append(tokens, Token{name, role, time.Now().UTC().Truncate(time.Second), hash(secret)}), nil
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// RemoveToken removes a token from a file. Its sessions end.
func RemoveToken(path, name string) error {
	return change(path, func(tokens []Token) ([]Token, error) {
		rest := slices.DeleteFunc(slices.Clone(tokens), named(name))
		if len(rest) == len(tokens) {
			return nil, fmt.Errorf("%w: %q", ErrNoToken, name)
		}
		return rest, nil
	})
}

func named(name string) func(Token) bool {
	key := text.Key(name)
	return func(t Token) bool { return text.Key(t.Name) == key }
}

// checkName returns an error unless a name can be printed in one line.
func checkName(name string) error {
	if text.Key(name) == "" || strings.TrimSpace(name) != name || len(name) > 100 || !text.IsLine(name) || !utf8.ValidString(name) {
		return fmt.Errorf("the name of a token must be 1 to 100 bytes of text without surrounding spaces, got %q", name)
	}
	return nil
}

// change replaces the file of tokens. Of two changes at a time, one waits.
func change(path string, edit func([]Token) ([]Token, error)) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer unlock()
	tokens, err := ReadTokens(path)
	if err == nil {
		tokens, err = edit(tokens)
	}
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(tokenFile{tokens}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WritePrivate(path, append(data, '\n'))
}

// lockFolder waits until no other process changes the files of a folder.
func lockFolder(dir string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Second, fmt.Errorf("%s: another program has locked the folder for 10 s", dir))
	defer cancel()
	return filelock.Folder(ctx, dir)
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// find returns the token with a secret. Its time depends on the number of tokens only.
func find(tokens []Token, secret string) (found Token, ok bool) {
	want := []byte(hash(secret))
	for _, t := range tokens {
		if subtle.ConstantTimeCompare([]byte(t.Hash), want) == 1 {
			found, ok = t, true
		}
	}
	return found, ok
}
