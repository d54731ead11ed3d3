// Package access decides who may do what with the server, and rejects requests that are
// hostile or too expensive before any other code handles them.
//
// # Who
//
// A [Token] has a name and a role. Programs send it as "Authorization: Bearer"; browsers
// exchange it for a session cookie at the login page. The file of tokens has only hashes.
// Without tokens the server accepts requests from its own machine only, and everyone there
// may edit. An [Authenticator] adds other ways, such as OIDC or the header of a proxy.
//
// # What
//
// A viewer may read; only an editor may write. Everything below /api/ and /metrics needs an
// identity, except the session itself. All other paths are the page, which has no data, and
// the health checks.
//
// # Attacks
//
// [Guard.Handler] rejects unknown host names (DNS rebinding), requests to the API from other
// sites, paths that are not in canonical form, and bodies and queries above a limit. It
// limits login attempts per address, and the time in which a body must arrive.
package access
