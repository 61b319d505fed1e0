import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

export interface ToProps {
  /** A path of the console, with its query where it has one. */
  readonly page: string;
  readonly className?: string;
  readonly title?: string;
  readonly children: ReactNode;
}

/** A link to another page of the console. */
export function To({ page, children, ...rest }: ToProps) {
  const [path, query] = page.split('?');
  const search = Object.fromEntries(new URLSearchParams(query));
  return (
    <Link to={path!} search={search as never} {...rest}>
      {children}
    </Link>
  );
}
