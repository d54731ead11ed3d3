import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { visible } from "../format";
import { Icon, type IconName } from "./icon";

// Name shows a name from outside: as text, isolated from the direction of its surroundings.
export function Name({ text, class: c }: { text: string; class?: string }) {
  return <bdi class={c} dir="auto" title={visible(text)}>{visible(text)}</bdi>;
}

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon"> {
  icon?: IconName; kind?: "plain" | "primary" | "quiet" | "danger"; busy?: boolean;
}

export function Button({ icon, kind = "plain", busy, children, class: c, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`button ${kind} ${children ? "" : "square"} ${c ?? ""}`}
      aria-busy={busy || undefined} disabled={rest.disabled || busy}>
      {icon && <Icon name={icon} size={18} />}{children && <span>{children}</span>}
    </button>
  );
}

export function Key({ children }: { children: ComponentChildren }) {
  return <kbd aria-hidden="true">{children}</kbd>;
}

// Empty tells that there is nothing here yet and what to do next.
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={32} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failure({ text, retry }: { text: string; retry?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <Icon name="alert" size={18} /><p>{text}</p>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

export function Notice({ children, action }: { children: ComponentChildren; action?: ComponentChildren }) {
  return <div class="notice"><Icon name="alert" size={18} /><p>{children}</p>{action}</div>;
}

export function Bar({ value, label }: { value: number; label: string }) {
  return (
    <div class="bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(value * 100)}>
      <span style={{ width: `${100 * value}%` }} />
    </div>
  );
}

// Place shows the name of a video and its folder, because folders often have files of equal names.
export function Place({ of }: { of: { name?: string; folder?: string } }) {
  return <span class="place-name"><Name text={of.name ?? ""} class="name" />{of.folder && <Name text={of.folder} class="folder muted" />}</span>;
}

// Counts tells how many moments of a label were answered with yes and no.
export function Counts({ label: l }: { label: { positives: number; negatives: number } }) {
  return <span class="counts"><span class="yes">{l.positives} yes</span><span class="no">{l.negatives} no</span></span>;
}

// Score shows a share and what it means: how well a moment matches a search ("match"), or
// how likely it shows a label ("likely").
export function Score({ value, what }: { value: number; what: "match" | "likely" }) {
  const text = `${Math.round(100 * value)} %`;
  return (
    <span class="score" title={meanings[what]}>
      <span class="meter" aria-hidden="true"><span style={{ width: text.replace(" ", "") }} /></span>
      {text}<span class="word">{what}</span>
    </span>
  );
}

const meanings = {
  match: "How well it matches the search",
  likely: "How likely it shows the label, as far as your marks tell",
};

export function Skeletons({ n, class: c }: { n: number; class: string }) {
  return <div class={c} aria-hidden="true">{Array.from({ length: n }, (_, i) => <div class="skeleton" key={i} />)}</div>;
}
