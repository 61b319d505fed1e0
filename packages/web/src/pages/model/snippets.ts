export type SnippetLanguage = 'curl' | 'Python' | 'JavaScript';

/** Programs that ask the same question and print the answer as it comes; each may be pasted into a shell, `python3` or `node` line by line. */
export function snippets(url: string, input: unknown): Record<SnippetLanguage, string> {
  const json = JSON.stringify(input);
  const pretty = JSON.stringify(input, null, 2);
  return {
    curl: `curl ${url} \\\n  -H 'content-type: application/json' \\\n  -d ${shellQuoted(json)}`,
    Python: `import json
import urllib.request

body = json.dumps(json.loads(r'''${pretty.replaceAll("'''", '\\u0027\\u0027\\u0027')}''')).encode()
request = urllib.request.Request("${url}", body, {"content-type": "application/json"})
print(urllib.request.urlopen(request).read().decode())`,
    JavaScript: `const response = await fetch("${url}", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(${pretty.replaceAll('\n', '\n  ')}),
});
console.log(await response.text());`,
  };
}

/** Safe between single quotes of a POSIX shell. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
