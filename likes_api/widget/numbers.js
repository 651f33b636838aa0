const UNKNOWN = "–";
const COMPACT_FROM = 10_000; // below, a compact number is hardly shorter, and a press would not change it
const GROUPED = /^\d{1,3}(?:[.,'’٬\s]\d{2,3})*[.,'’٬\s]\d{3}$/;
const formats = new Map();

/** Return the language that the page gives this element, through shadow roots too; "" where it gives none. */
function languageOf(element) {
  for (let at = element; at; at = at.getRootNode().host) {
    const found = at.closest("[lang]");
    if (found) return found.getAttribute("lang");
  }
  return "";
}

/** Return a count for the eye, and in full. */
function formatCount(number, element) {
  if (number === null || number === undefined) return { short: UNKNOWN, full: UNKNOWN };
  const language = languageOf(element);
  if (!formats.has(language)) {
    formats.set(language, { full: numberFormat(language), short: numberFormat(language, { notation: "compact" }) });
  }
  const { full, short } = formats.get(language);
  return { full: full.format(number), short: (number < COMPACT_FROM ? full : short).format(number) };
}

function numberFormat(language, options) {
  try {
    return new Intl.NumberFormat(language.replaceAll("_", "-") || undefined, options);
  } catch {
    return new Intl.NumberFormat(undefined, options); // the tag is malformed
  }
}

/** Return the count that a page wrote, as programs or as people write it; null where it is no number. */
function readCount(text) {
  const ascii = (text ?? "").trim().replace(/\p{Nd}/gu, asciiDigit);
  const number = Number(GROUPED.test(ascii) ? ascii.replace(/\D/g, "") : ascii || NaN);
  return Number.isFinite(number) ? Math.max(0, Math.trunc(number)) : null;
}

/** Return the value of a decimal digit of any script: Unicode keeps each ten in a row, from zero on. */
function asciiDigit(digit) {
  let value = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(digit.codePointAt(0) - value - 1))) value++;
  return value % 10;
}
