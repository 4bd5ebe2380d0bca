// A second build that opens from a file: browsers load no module scripts from there.
import react from '@vitejs/plugin-react'
import { type Plugin, defineConfig } from 'vite'
import { lean } from './vite.lean'

const classic: Plugin = {
  name: 'classic-script',
  transformIndexHtml: {
    order: 'post',
    handler: (html) => html.replace(/<script type="module" crossorigin/g, '<script defer').replace(/ crossorigin/g, ''),
  },
}

export default defineConfig({
  base: './',
  plugins: [lean, react(), classic],
  build: {
    target: 'es2022',
    outDir: 'dist/file',
    modulePreload: false,
    rolldownOptions: { transform: { define: { 'import.meta': '{}' } }, output: { format: 'iife', codeSplitting: false } },
  },
})
