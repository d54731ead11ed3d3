import { useState } from "preact/hooks";
import { api, explain, Problem } from "../api";
import { navigate } from "../router";
import { start } from "../state";
import { Button } from "../ui/basics";

export function LoginPage({ params }: { params: URLSearchParams }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const login = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setError("");
    try {
      await api("/session", { method: "POST", body: { token: token.trim() } });
      const next = params.get("next") ?? "/";
      navigate(/^\/(?![/\\])/.test(next) ? next : "/", true);
      await start();
    } catch (e) {
      setBusy(false);
      if (!(e instanceof Problem)) setError(explain(e));
      else if (e.status === 429) setError(`Too many attempts. Try again in ${e.retryAfter || 60} seconds.`);
      else setError(e.status === 401 ? "This token is not valid. Ask whoever runs the server for a new one." : e.message);
    }
  };
  return (
    <main class="login" id="main">
      <form onSubmit={login}>
        <img src="/assets/icon.svg" alt="" width="48" height="48" />
        <h1>Log in to clipcue</h1>
        <label for="token">Access token</label>
        <input id="token" type="password" autocomplete="current-password" required autofocus value={token} aria-invalid={!!error} aria-describedby="login-error"
          onInput={e => setToken(e.currentTarget.value)} />
        <p id="login-error" class="error" role="alert">{error}</p>
        <Button kind="primary" type="submit" busy={busy}>Log in</Button>
        <p class="muted">Whoever runs the server creates a token with <code>clipcue serve token</code>.</p>
      </form>
    </main>
  );
}
