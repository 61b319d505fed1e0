import { describe, expect, it } from 'vitest';
import { commandOf } from './commands.ts';

describe('commandOf', () => {
  it.each([
    ['/retest', { kind: 'retest' }],
    ['looks good\n/test  \nthanks', { kind: 'test' }],
    ['/test unit', { kind: 'test', name: 'unit' }],
    ['/retest unit please', { kind: 'retest', name: 'unit' }],
    ['/cancel', { kind: 'cancel' }],
    ['/ok-to-test', { kind: 'ok-to-test' }],
    ['/ok-to-test ABCDEF1', { kind: 'ok-to-test', commit: 'abcdef1' }],
  ])('%j', (text, wanted) => expect(commandOf(text)).toMatchObject(wanted));
  it.each(['run /retest', '/testing', '/ok-to-test sure', 'nothing'])('%j is none', (text) =>
    expect(commandOf(text)).toBeUndefined(),
  );
});
