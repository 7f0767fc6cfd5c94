// How is the UI built? One page, a chunk for each page of the menu, and beside each file its gzip form.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const dist = fileURLToPath(new URL("./dist", import.meta.url));

/** Clears `dist` but for its `.gitignore`, and replaces text by its gzip form: that is what the program embeds. */
function packed(): Plugin {
  const walk = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? walk(path) : [path];
    });
  return {
    name: "packed",
    apply: "build",
    buildStart() {
      for (const name of readdirSync(dist)) {
        if (name !== ".gitignore") rmSync(join(dist, name), { recursive: true });
      }
    },
    closeBundle() {
      for (const path of walk(dist)) {
        if (!/\.(js|css|html|svg|json)$/.test(path)) continue;
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
        rmSync(path);
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), packed()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "dist",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  server: {
    proxy: Object.fromEntries(
      ["/jmap", "/api", "/auth", "/.well-known", "/metrics", "/healthz"].map((path) => [
        path,
        process.env.WAYPOST ?? "http://127.0.0.1:8080",
      ]),
    ),
  },
});
