/** The look of the report page: light and dark by the reader's system, nothing fetched. */
export const style = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#626b76;--line:#d6dbe1;--card:#f6f8fa;--bad:#c62828;--warn:#b26a00;--ok:#2e7d32;--accent:#1565c0}
@media(prefers-color-scheme:dark){:root{--bg:#12161b;--fg:#e4e8ec;--dim:#97a1ad;--line:#303842;--card:#1a2027;--bad:#ff7b72;--warn:#e3b341;--ok:#6ccb77;--accent:#6cb6ff}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:14px/1.45 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:20px}h1{font-size:20px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:15px;margin:28px 0 8px}
.verdict{font-weight:600}.bad{color:var(--bad)}.warn{color:var(--warn)}.ok{color:var(--ok)}.dim{color:var(--dim)}
code{font:12px ui-monospace,monospace;background:var(--card);border:1px solid var(--line);border-radius:4px;padding:1px 4px;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:4px 8px;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--dim);font-weight:500}
.scroll{max-height:420px;overflow:auto;border:1px solid var(--line);border-radius:6px}.scroll thead th{position:sticky;top:0;background:var(--card)}
tbody tr.row{cursor:pointer;content-visibility:auto}tbody tr.row:hover,tr.row[aria-selected=true]{background:var(--card)}tr.row:focus-visible,svg g:focus-visible rect,button:focus-visible{outline:2px solid var(--accent);outline-offset:-2px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:16px}.card{border:1px solid var(--line);border-radius:6px;padding:10px;background:var(--card);min-width:0;overflow:hidden}.card h3{margin:0 0 6px;font-size:13px}
svg text{fill:var(--fg);font:10px system-ui}svg line{stroke:var(--line)}svg g{cursor:pointer}.u-legend{font-size:12px}.u-title{font-size:13px}
input{background:var(--bg);color:var(--fg);border:1px solid var(--line);border-radius:4px;padding:4px 8px;font:inherit}
`;
