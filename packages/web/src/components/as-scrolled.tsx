import { type ReactNode, useEffect, useRef, useState } from 'react';

/** As far below the window (pixels) as rows are made ready. */
const ahead = 600;

/**
 * Of a long list so many are drawn at first, and more when its end comes near the window.
 * @returns what is drawn now, and what belongs below it
 */
export function useAsScrolled<Item>(
  items: readonly Item[],
  step = 100,
): { shown: readonly Item[]; end: ReactNode } {
  const [most, setMost] = useState(step);
  const left = items.length - most;
  return {
    shown: left > 0 ? items.slice(0, most) : items,
    end: left > 0 ? <More key={most} left={left} show={() => setMost(most + step)} /> : null,
  };
}

function More({ left, show }: { left: number; show: () => void }) {
  const end = useRef<HTMLParagraphElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each number of rows has an end of its own
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) show();
      },
      { rootMargin: `${ahead}px` },
    );
    observer.observe(end.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <p ref={end} className="tb-quiet tb-small">
      {left.toLocaleString('en')} more below
    </p>
  );
}
