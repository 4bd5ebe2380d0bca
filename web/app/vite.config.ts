import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { lean } from './vite.lean'

export default defineConfig({
  base: './',
  plugins: [lean, react()],
  build: { target: 'es2022', modulePreload: { polyfill: false } },
})
