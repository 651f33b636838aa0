const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
:host {
  --_like: var(--like-accent, light-dark(#cf1f4b, #ff7795));
  --_up: var(--vote-up-accent, light-dark(#14763d, #58cf8a));
  --_down: var(--vote-down-accent, light-dark(#a5480b, #ffa061));
  display: inline-flex; flex-wrap: wrap; align-items: center; gap: .35em .6em; vertical-align: middle;
  color: var(--like-color, inherit);
}
:host([hidden]) { display: none }
[part~="group"] { display: inline-flex; gap: var(--vote-gap, .4em) }
button {
  --_accent: var(--_like);
  display: inline-flex; align-items: center; gap: .45em; box-sizing: border-box; min-height: 2.75em; min-width: 4em;
  margin: 0; padding: var(--like-padding, .3em .9em); font: inherit; line-height: 1; color: inherit; cursor: pointer;
  border: 1px solid var(--like-border, color-mix(in srgb, currentColor 32%, transparent));
  border-radius: var(--like-radius, 999px); background: var(--like-background, transparent);
  touch-action: manipulation; -webkit-tap-highlight-color: transparent;
}
button[part~="up"] { --_accent: var(--_up) }
button[part~="down"] { --_accent: var(--_down) }
button:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px }
button[aria-disabled="true"] { cursor: default }
button[part~="missing"] { opacity: .5 }
button[aria-pressed="true"] {
  color: var(--_accent); border-color: currentColor; background: color-mix(in srgb, var(--_accent) 11%, transparent);
}
svg { width: 1.2em; height: 1.2em; flex: none; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round }
[aria-pressed="true"] svg { fill: currentColor }
[part~="count"] { min-width: 1ch; font-variant-numeric: tabular-nums }
[part~="message"] { font-size: .875em; line-height: 1.3 }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media (hover: hover) { button:not([aria-disabled="true"]):hover { border-color: var(--_accent) } }
@media (prefers-reduced-motion: no-preference) {
  button { transition: color .15s, border-color .15s, background-color .15s }
  .pressed-now svg { animation: pop .3s ease-out }
  @keyframes pop { 40% { transform: scale(1.3) } }
}
`);
