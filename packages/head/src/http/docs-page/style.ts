/** The style sheet of the page: readable from 320 pixels on, light and dark. */
export const STYLE = `
:root{color-scheme:light dark;--text:#1b1f24;--soft:#57606a;--back:#fff;--box:#f4f6f8;--line:#d5dbe1;--link:#0a58b5}
@media (prefers-color-scheme:dark){:root{--text:#e4e7eb;--soft:#9aa4af;--back:#14171a;--box:#1e2226;--line:#353c43;--link:#7ab7ff}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0 auto;max-width:78rem;padding:1rem;background:var(--back);color:var(--text);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{position:static}
h1{margin:0;font-size:1.6rem}
h2{margin:2.5rem 0 .5rem;font-size:1.35rem;border-bottom:1px solid var(--line)}
h3{margin:0 0 .5rem;font-size:1.05rem}
h4{margin:1rem 0 .25rem;font-size:.9rem;color:var(--soft)}
p{margin:.4rem 0;max-width:48rem}
code,pre{font:.9em/1.45 ui-monospace,monospace}
pre{margin:.25rem 0;padding:.6rem .8rem;overflow-x:auto;background:var(--box);border:1px solid var(--line);border-radius:.3rem}
pre code{overflow-wrap:normal}
article{margin:1.25rem 0;padding:.8rem 1rem;border:1px solid var(--line);border-radius:.4rem}
article:target,div:target{border-color:var(--link);box-shadow:0 0 0 1px var(--link)}
.call b{color:var(--link)}
.anchor,.who,.errors,dt span,.skip{font-size:.9rem}
.anchor,.who,dt span{color:var(--soft)}
.errors a{display:inline-block;margin-right:.6rem}
dl{margin:.25rem 0}
dl>div{padding:.35rem 0;border-top:1px solid var(--line)}
dt strong{font-size:.8rem;color:var(--link)}
dd{margin:0 0 0 1rem}
nav h2,#general h2{margin-top:1rem}
nav summary{cursor:pointer;padding:.15rem 0}
nav ul{margin:.1rem 0 .5rem;padding-left:1.5rem}
nav li{padding:.1rem 0}
@media (min-width:64rem){
body{display:grid;grid-template-columns:17rem minmax(0,1fr);column-gap:2.5rem;align-items:start}
header{grid-column:1/-1}
nav{position:sticky;top:0;max-height:100vh;overflow-y:auto;padding-bottom:1rem}
dt span{margin-left:.4rem}
}
@media print{nav,.skip{display:none}}
`;
