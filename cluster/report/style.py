"""The look of report.html: one style sheet, light and dark, nothing fetched from anywhere."""

__all__ = ["STYLE"]

# The curve colors are Okabe and Ito's, on dark ground their lighter relatives of the same order.
STYLE = """
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#1f2328;--faint:#656d76;--rule:#dfe3e8;
--accent:#0072b2;--code:#f0f2f5;--shade:0,114,178;--picture:#fff;--on:#fff;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#e69f00;--c5:#56b4e9}
@media(prefers-color-scheme:dark){:root{--ground:#0b0e11;--card:#14181d;--ink:#e6e9ee;--faint:#98a2b0;
--rule:#2c333d;--accent:#56b4e9;--code:#222933;--shade:86,180,233;--picture:#14181d;--on:#0b1016;
--c0:#56b4e9;--c1:#f28e4b;--c2:#3ccfa0;--c3:#e29cc4;--c4:#f0b83c;--c5:#9ad4f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:36px 24px 60px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;text-wrap:balance}
h2{font-size:19px;margin:44px 0 14px;letter-spacing:-.005em}
h3{font-size:14px;margin:0 0 8px;font-weight:600}
p{margin:0 0 12px;max-width:75ch}
.subtitle,.caption,.legend,.empty{color:var(--faint)}
.caption{font-size:13px;margin:8px 0 0}
.note{border-left:3px solid var(--c4);padding:2px 0 2px 12px;margin:14px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:12px;margin:24px 0 0}
.fact{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 16px}
.fact b{display:block;font-size:20px;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums;
overflow-wrap:anywhere}
.fact:first-child b{color:var(--accent)}
.fact span{color:var(--faint);font-size:13px}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px;min-width:0}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:14px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:14px}
.stack>*+*,section>*+*{margin-top:14px}
section>h2+*{margin-top:0}
figure{margin:0}
figure img{display:block;max-width:100%;height:auto;margin:0 auto;background:var(--picture);border-radius:6px}
figure.pixels img{image-rendering:pixelated}
.chart{display:block;width:100%;height:auto}
.chart .grid{stroke:var(--rule);stroke-width:1;fill:none}
.chart .tick,.chart .label{fill:var(--faint);font-size:11px;font-variant-numeric:tabular-nums}
.chart .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.chart .band{opacity:.17;stroke:none}
.chart .dots{fill:none;stroke:var(--c0);stroke-width:3;stroke-linecap:round;opacity:.35}
.chart .hover{fill:transparent}
.chart .hover:hover{fill:rgba(var(--shade),.14)}
.line.c0{stroke:var(--c0)}.line.c1{stroke:var(--c1)}.line.c2{stroke:var(--c2)}.line.c3{stroke:var(--c3)}
.band.c0{fill:var(--c0)}.band.c1{fill:var(--c1)}.band.c2{fill:var(--c2)}.band.c3{fill:var(--c3)}
.line.c4{stroke:var(--c4)}.key.c4{background:var(--c4)}
.line.o0{stroke:#0072b2}.line.o1{stroke:#d55e00}.line.o2{stroke:#009e73}.line.o3{stroke:#cc79a7}
.line.o4{stroke:#e69f00}.key.o0{background:#0072b2}.key.o1{background:#d55e00}.key.o2{background:#009e73}
.key.o3{background:#cc79a7}.key.o4{background:#e69f00}
.chart .dot circle{fill:var(--faint);stroke:var(--card);stroke-width:1.5}
.chart .dot.front circle{fill:var(--c0)}
.chart .letter{fill:var(--ink);font-size:12px;font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:12.5px;margin:6px 0 0}
.key{display:inline-block;width:14px;height:3px;border-radius:2px;margin:0 6px 3px 0;vertical-align:middle}
.key.c0{background:var(--c0)}.key.c1{background:var(--c1)}.key.c2{background:var(--c2)}
.key.c3{background:var(--c3)}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
.plain{width:100%}
.plain th,.plain td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--rule);
vertical-align:top}
.plain tr:last-child td{border-bottom:0}
.plain th{color:var(--faint);font-weight:500;white-space:nowrap}
.plain td.number,.plain th.number{text-align:right}
.plain tr.chosen td{background:rgba(var(--shade),.1)}
.confusion{margin:0 auto}
.confusion td{width:30px;min-width:26px;height:28px;text-align:center;border:1px solid var(--rule);
font-size:12.5px}
.confusion th{font-weight:400;font-size:12.5px;text-align:right;padding:0 8px 0 0;white-space:nowrap}
.confusion td.share{border:0;color:var(--faint);padding-left:10px;text-align:left;white-space:nowrap}
.confusion .dark{color:var(--on)}
.confusion tr.names th{height:var(--names);position:relative;padding:0;border:0}
.confusion tr.names span{position:absolute;top:8px;right:50%;transform-origin:100% 0;
transform:rotate(-50deg);white-space:nowrap}
.confusion button{all:unset;display:block;width:100%;line-height:28px;cursor:pointer;text-align:center}
.confusion button:hover,.confusion button:focus-visible,.confusion button[aria-pressed=true]{
outline:2px solid var(--c1);outline-offset:-2px}
#behind:not(:empty){border-top:1px solid var(--rule);margin-top:16px;padding-top:14px}
.clips{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:14px;margin-top:8px}
.pair-of-views{display:flex;gap:8px}
.clip canvas,.clip img{width:calc(50% - 4px);aspect-ratio:1;border-radius:6px;margin:0}
.clip canvas{background:var(--code)}
.clip img{image-rendering:pixelated}
.clip figcaption{font-size:12.5px;color:var(--faint);margin-top:4px;overflow-wrap:anywhere}
.tip{position:fixed;z-index:9;pointer-events:none;background:var(--card);border:1px solid var(--rule);
border-radius:8px;padding:6px 10px;font-size:12.5px;box-shadow:0 2px 10px rgba(0,0,0,.15);
font-variant-numeric:tabular-nums}
.tip span,.tip b{display:block}
[hidden]{display:none!important}
.pair figure img{cursor:zoom-in}
.pair figure.large{grid-column:1/-1}
.pair figure.large img{cursor:zoom-out;width:100%}
.milestones input{width:100%;accent-color:var(--accent);margin:0 0 10px}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
pre{background:var(--code);border-radius:8px;padding:12px 14px;margin:0;overflow-x:auto;white-space:pre-wrap;
overflow-wrap:anywhere}
td code{overflow-wrap:anywhere}
details{margin-top:10px}
summary{cursor:pointer;color:var(--accent);padding:4px 0}
footer{margin-top:48px;padding-top:14px;border-top:1px solid var(--rule);color:var(--faint);font-size:13px}
@media(max-width:560px){main{padding:20px 14px 40px}.pair,.grid{grid-template-columns:1fr}
h1{font-size:23px}}
@media print{body{background:#fff}.card,.fact{break-inside:avoid}}
"""
