// Signing in with Supabase Auth, straight from the browser; the session lives as long as the tab.

export interface Config {
  supabaseUrl: string;
  supabasePublishableKey: string;
}

interface Tokens {
  access_token: string;
  refresh_token: string;
  /** Unix time in seconds. */
  expires_at: number;
  user: { id: string; email?: string };
}

// A token that is this close to its end is not sent any more: the request may take a while to arrive. Seconds.
const MARGIN = 60;
const KEY = "reservepty.session";
// What Auth answers for a password or a refresh token that does not hold; 429 and 5xx say nothing about it.
const REFUSED = new Set([400, 401, 403, 422]);

export class SignInError extends Error {
  constructor(readonly reason: "credentials" | "expired" | "unreachable") {
    super(reason);
  }
}

/** Who is signed in. `ended` is called once when the session cannot go on. */
export class Session {
  private tokens: Tokens | null = null;
  private refreshing: Promise<string> | null = null;
  ended: () => void = () => undefined;

  constructor(private readonly config: Config) {
    const kept = sessionStorage.getItem(KEY);
    if (kept) this.tokens = JSON.parse(kept) as Tokens;
  }

  get isOpen(): boolean {
    return this.tokens !== null;
  }

  /** @throws {SignInError} */
  async signIn(email: string, password: string): Promise<void> {
    await this.ask("password", { email, password });
  }

  signOut(): void {
    const token = this.tokens?.access_token;
    this.keep(null);
    if (token) {
      // The tab forgets the session in any case; that the server does too is a courtesy.
      void fetch(`${this.config.supabaseUrl}/auth/v1/logout?scope=local`, {
        method: "POST",
        headers: { apikey: this.config.supabasePublishableKey, Authorization: `Bearer ${token}` },
      }).catch(() => undefined);
    }
  }

  /**
   * An access token that is good for a while, refreshed if need be; callers at the same time share one refresh.
   * `rejected` is the one that the server has just refused, whatever our clock thinks of it.
   *
   * @throws {SignInError} `expired`: the session is over, and `ended` has been called.
   */
  readonly token = async (rejected?: string): Promise<string> => {
    if (!this.tokens) throw new SignInError("expired");
    const { access_token, expires_at } = this.tokens;
    if (access_token !== rejected && expires_at - MARGIN > Date.now() / 1000) return access_token;
    const { refresh_token } = this.tokens;
    this.refreshing ??= this.ask("refresh_token", { refresh_token }).finally(() => {
      this.refreshing = null;
    });
    try {
      return await this.refreshing;
    } catch (error) {
      if (error instanceof SignInError && error.reason === "credentials" && this.tokens) {
        this.keep(null);
        this.ended();
        throw new SignInError("expired");
      }
      throw error;
    }
  };

  private async ask(grant: "password" | "refresh_token", body: object): Promise<string> {
    let response: Response;
    try {
      response = await fetch(`${this.config.supabaseUrl}/auth/v1/token?grant_type=${grant}`, {
        method: "POST",
        headers: { apikey: this.config.supabasePublishableKey, "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
    } catch {
      throw new SignInError("unreachable");
    }
    if (!response.ok) throw new SignInError(REFUSED.has(response.status) ? "credentials" : "unreachable");
    const { access_token, refresh_token, expires_in, user } = (await response.json()) as Tokens & {
      expires_in: number;
    };
    this.keep({ access_token, refresh_token, expires_at: Date.now() / 1000 + expires_in, user });
    return access_token;
  }

  private keep(tokens: Tokens | null): void {
    this.tokens = tokens;
    if (tokens) sessionStorage.setItem(KEY, JSON.stringify(tokens));
    else sessionStorage.removeItem(KEY);
  }
}
