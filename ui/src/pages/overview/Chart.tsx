// Counts over time as lines (uPlot), in the colours of the scheme, with a table for who cannot see them.

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export type Line = { name: string; colour: { light: string; dark: string }; values: (number | null)[] };

const HEIGHT = 200;

/** `times` in seconds since 1970. */
export function Chart({ label, times, lines }: { label: string; times: number[]; lines: Line[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useComputedColorScheme("light");
  const names = lines.map((line) => line.name).join();
  const latest = useRef({ times, lines });
  latest.current = { times, lines };

  // biome-ignore lint/correctness/useExhaustiveDependencies: other numbers do not need another chart
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const ink = scheme === "dark" ? "#9aa3a7" : "#5b6468";
    const grid = scheme === "dark" ? "#303538" : "#e2e5e6";
    const axis: uPlot.Axis = {
      stroke: ink,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1 },
    };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        scales: { y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] } },
        axes: [
          { ...axis, values: (_, splits) => splits.map((at) => label24(at, splits)) },
          {
            ...axis,
            size: 48,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
          },
        ],
        legend: { live: true },
        series: [
          { value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
          ...latest.current.lines.map((line) => ({
            label: line.name,
            stroke: line.colour[scheme],
            width: 1.8,
            points: { show: false },
            value: (_: uPlot, value: number | null) => (value === null ? "–" : value.toLocaleString("en")),
          })),
        ],
      },
      data(latest.current.times, latest.current.lines),
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [scheme, names]);
  useEffect(() => plot.current?.setData(data(times, lines)), [times, lines]);

  const sums = lines.map(
    (line) => `${line.name} ${line.values.reduce<number>((sum, value) => sum + (value ?? 0), 0)}`,
  );
  return <div ref={box} className="chart" role="img" aria-label={`${label}: ${sums.join(", ")}`} />;
}

/** The time of day, or the day where the marks stand a day apart or at midnight. */
function label24(at: number, splits: number[]): string {
  const date = new Date(at * 1_000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const apart = (splits[1] ?? at) - (splits[0] ?? at);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  return apart >= 86_400 || midnight ? day : `${two(date.getHours())}:${two(date.getMinutes())}`;
}

function data(times: number[], lines: Line[]): uPlot.AlignedData {
  return [times, ...lines.map((line) => line.values)];
}
