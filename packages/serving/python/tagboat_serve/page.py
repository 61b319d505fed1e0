"""The page at / of a model that brings none of its own."""

import html
import json

from .values import plain

STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}\
textarea,pre{width:100%;box-sizing:border-box;font:14px/1.4 ui-monospace,monospace;padding:.6rem}\
pre{background:#f4f4f4;overflow:auto;white-space:pre-wrap}dt{color:#555}dd{margin:0 0 .4rem;overflow-wrap:anywhere}"
SCRIPT = "const f=document.forms[0];f.onsubmit=async e=>{e.preventDefault();const o=document.querySelector('output');\
o.textContent='...';try{const r=await fetch('predict',{method:'POST',body:f.input.value,\
headers:{'content-type':'application/json'}});const t=await r.text();\
try{o.textContent=JSON.stringify(JSON.parse(t),null,2)}catch{o.textContent=t}}catch(x){o.textContent=x}}"


def default_page(settings, model):
    """What is served, and a form to ask it."""
    name = html.escape(settings.name)
    facts = {"version": settings.version, "run": settings.run, "model": settings.model_digest}
    shown = "".join(f"<dt>{label}<dd>{html.escape(value)}" for label, value in facts.items() if value)
    example = html.escape(json.dumps(plain(model.example), indent=1)) if model else ""
    schema = html.escape(json.dumps(plain(model.schema), indent=1)) if model else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{name}</title><style>{STYLE}</style><h1>{name}</h1><dl>{shown}</dl>"
        f'<form><label>Input (JSON)<textarea name="input" rows="8">{example}</textarea></label>'
        f'<button>Predict</button></form><pre><output aria-live="polite"></output></pre>'
        f"<details><summary>Schema of the input</summary><pre>{schema}</pre></details>"
        f"<p><a href='v2'>v2</a> <a href='metrics'>metrics</a></p><script>{SCRIPT}</script></html>"
    )
