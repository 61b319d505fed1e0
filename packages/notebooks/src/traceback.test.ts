import { expect, it } from 'vitest';
import { ownLine } from './traceback.ts';

const library = `File /env/lib/python3.11/site-packages/ipykernel/kernelbase.py:1514, in Kernel.raw_input(self, prompt)
   1512 if not self._allow_stdin:
-> 1514     raise StdinNotImplementedError(msg)
StdinNotImplementedError: no`;

it('shows the line of the cell, not that of the library which it called', () => {
  expect(ownLine(`Cell In[1], line 1\n----> 1 name = input("who? ")\n\n${library}`, '/workspace')).toBe(
    'name = input("who? ")',
  );
});

it('shows the line of a module of the repository, by its path', () => {
  const own =
    'File /workspace/src/helper.py:7, in clean(rows)\n      6 def clean(rows):\n----> 7     return rows[0]';
  expect(ownLine(`Cell In[2], line 3\n----> 3 clean([])\n\n${own}\n\n${library}`, '/workspace')).toBe(
    'src/helper.py:7: return rows[0]',
  );
});

it('shows what there is where nothing is of the user', () => {
  expect(ownLine(library, '/workspace')).toBe('raise StdinNotImplementedError(msg)');
  expect(ownLine('SyntaxError: incomplete input', '/workspace')).toBeUndefined();
});
