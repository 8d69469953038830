import { readFile } from 'node:fs/promises'

/** What `npm create vite` makes from its template `react-ts`, without the decoration. */
export async function viteApp(): Promise<Record<string, string>> {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const versions = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [name, manifest.devDependencies[name]]))
  return {
    'package.json': json({
      name: 'app',
      private: true,
      version: '0.0.0',
      type: 'module',
      scripts: { dev: 'vite', build: 'tsc -b && vite build' },
      dependencies: versions('react', 'react-dom'),
      devDependencies: versions(
        '@types/node',
        '@types/react',
        '@types/react-dom',
        '@vitejs/plugin-react',
        'typescript',
        'vite',
      ),
    }),
    'index.html': `<!doctype html>
<html lang="en">
  <head><title>app</title></head>
  <body>
    <div id="root"></div>
    <script type="module" src="/src/main.tsx"></script>
  </body>
</html>
`,
    'src/main.tsx': `import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import App from './App.tsx'

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
`,
    'tsconfig.json': json({
      files: [],
      references: [{ path: './tsconfig.app.json' }, { path: './tsconfig.node.json' }],
    }),
    'tsconfig.app.json': json({
      compilerOptions: {
        ...strict('app'),
        lib: ['ES2023', 'DOM', 'DOM.Iterable'],
        types: ['vite/client'],
        jsx: 'react-jsx',
      },
      include: ['src'],
    }),
    'tsconfig.node.json': json({
      compilerOptions: { ...strict('node'), lib: ['ES2023'], types: ['node'] },
      include: ['vite.config.ts'],
    }),
  }
}

function strict(name: string): object {
  return {
    tsBuildInfoFile: `./node_modules/.tmp/tsconfig.${name}.tsbuildinfo`,
    target: 'ES2023',
    module: 'ESNext',
    moduleResolution: 'bundler',
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    moduleDetection: 'force',
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    erasableSyntaxOnly: true,
    noFallthroughCasesInSwitch: true,
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
