export const shellQuote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
