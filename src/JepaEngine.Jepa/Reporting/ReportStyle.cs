namespace JepaEngine.Jepa.Reporting;

/// <summary>The report's style sheet. Series colours are Okabe and Ito's, told apart with every kind of colour vision.</summary>
internal static class ReportStyle
{
    public const string Css = """
        :root {
          color-scheme: light dark;
          --page: #fbfaf8; --card: #ffffff; --ink: #1d232b; --soft: #5c6672; --rule: #e4e2dd; --floor: #ffffff; --wall: #30363f;
          --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --good: #00734f; --bad: #b3261e;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #14171b; --card: #1c2026; --ink: #e7e9ec; --soft: #9aa4b0; --rule: #2e343c; --floor: #20252c; --wall: #7c8794;
            --c0: #56b4e9; --c1: #f0923e; --c2: #2fc79a; --good: #41d3a2; --bad: #ff8a80;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
          font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
        }
        main { max-width: 1080px; margin: 0 auto; padding: 56px 24px 48px; }
        .eyebrow { color: var(--soft); font-size: 14px; letter-spacing: .04em; margin: 0; }
        h1 { font-size: clamp(28px, 4.4vw, 42px); line-height: 1.15; letter-spacing: -.015em; font-weight: 650; margin: 8px 0 16px; }
        h2 { font-size: 22px; letter-spacing: -.01em; font-weight: 650; margin: 0 0 4px; }
        h3 { font-size: 15px; font-weight: 600; margin: 0 0 10px; }
        section { margin-top: 56px; }
        section > p { color: var(--soft); max-width: 70ch; margin: 0 0 18px; }
        .lead { font-size: 19px; max-width: 62ch; margin: 0; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 32px 0 0; padding: 0; }
        .tiles div, .card { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; }
        .tiles div { padding: 16px 18px; }
        .tiles dt { color: var(--soft); font-size: 13px; }
        .tiles dd { margin: 2px 0 0; font-size: 27px; font-weight: 650; letter-spacing: -.02em; }
        .tiles small { display: block; color: var(--soft); font-size: 13px; font-weight: 400; letter-spacing: 0; }
        .card { padding: 20px; margin: 0; }
        .two, .three { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; }
        .three { grid-template-columns: 1fr 1fr 1fr; }
        figure > svg { display: block; width: 100%; }
        figcaption { color: var(--soft); font-size: 14px; line-height: 1.5; margin-top: 12px; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 15px; }
        th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; }
        th, td { padding: 9px 12px 9px 0; border-bottom: 1px solid var(--rule); vertical-align: middle; }
        tbody:last-child tr:last-child > * { border-bottom: 0; }
        td.n, th.n { text-align: right; white-space: nowrap; }
        tbody th { color: var(--ink); font-size: 15px; padding-right: 20px; }
        td.kind { white-space: nowrap; }
        tr.all td { font-weight: 600; }
        .groups tr:not(.all) td { border-bottom: 0; } .groups td { padding-top: 6px; padding-bottom: 6px; }
        .groups tbody:last-child th { border-bottom: 0; }
        td.range { width: 34%; min-width: 160px; padding-right: 0; }
        td.range svg { display: block; width: 100%; }
        .track { display: block; height: 8px; background: var(--rule); border-radius: 4px; overflow: hidden; }
        .track i { display: block; height: 100%; background: var(--c0); border-radius: 4px; }
        .good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
        .maps { display: grid; grid-template-columns: 1fr 1fr; gap: 6px; }
        .maps img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: 6px; display: block; }
        .facts { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 6px 20px; margin: 0; font-size: 15px; }
        .facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
        .key { display: flex; flex-wrap: wrap; gap: 6px 22px; margin: 0 0 16px; padding: 0; list-style: none; font-size: 14px; }
        .key li { color: var(--soft); } .key svg { width: 28px; height: 12px; margin-right: 7px; vertical-align: middle; }
        footer { margin-top: 56px; padding-top: 16px; border-top: 1px solid var(--rule); color: var(--soft); font-size: 13px; }
        .t { fill: var(--soft); font-size: 13px; } .strong { fill: var(--ink); }
        .grid { stroke: var(--rule); stroke-width: 1; } .axis { stroke: var(--soft); stroke-width: 1; }
        .c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); }
        .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .faint { stroke-width: 1; stroke-opacity: .55; }
        .dot, .bar { fill: var(--c); } image { image-rendering: pixelated; }
        .halo { fill: none; stroke: #000; stroke-width: 5; } .mark { fill: none; stroke: #fff; stroke-width: 2.5; }
        .wall { fill: var(--wall); } .floor { fill: var(--floor); }
        .goal { fill: var(--c2); fill-opacity: .16; stroke: var(--c2); stroke-width: 1.5; }
        .walk { fill: none; stroke: var(--c); stroke-width: 2.4; stroke-linejoin: round; stroke-linecap: round; }
        .thought { fill: none; stroke: var(--c); stroke-width: 1.3; stroke-dasharray: 4 3; stroke-opacity: .8; stroke-linejoin: round; }
        .start { fill: var(--floor); stroke: var(--c); stroke-width: 2; }
        .whisker { stroke: var(--c); stroke-width: 2; }
        @media (max-width: 760px) {
          main { padding: 32px 16px; } section { margin-top: 40px; } .card { padding: 12px; } .t { font-size: 15px; }
          .two { grid-template-columns: 1fr; } .three { grid-template-columns: 1fr 1fr; gap: 10px; }
        }
        @media print {
          :root { --page: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #ccc; --floor: #fff; --wall: #30363f;
            --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --good: #00734f; --bad: #b3261e; }
          main { max-width: none; padding: 0; } figure, .tiles, tr { break-inside: avoid; } h2 { break-after: avoid; }
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        }
        """;
}
