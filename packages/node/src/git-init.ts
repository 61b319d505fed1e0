/**
 * What `/ko-app/git-init` does in the image of the catalog's git-clone task (tektoncd/catalog, image/git-init), with the
 * host's git: the image is a toolbox whose one program of its own this is.
 */
export const gitInitScript = `#!/bin/sh
set -eu
url= revision= refspec= path=. sslVerify=true submodules=true depth=1 sparse=
while [ $# -gt 0 ]; do
  flag=\${1#-}; flag=\${flag#-}
  case $flag in
    *=*) value=\${flag#*=}; flag=\${flag%%=*}; shift ;;
    *) value=\${2-}; shift; [ $# -eq 0 ] || shift ;;
  esac
  case $flag in
    url|revision|refspec|path|sslVerify|submodules|depth) eval "$flag=\\$value" ;;
    sparseCheckoutDirectories) sparse=$value ;;
    httpProxy|httpsProxy|noProxy|terminationMessagePath|user|uid) ;;
    *) echo "git-init: flag provided but not defined: -$flag" >&2; exit 2 ;;
  esac
done
[ -n "$url" ] || { echo "git-init: expected -url" >&2; exit 1; }
[ "$depth" = 0 ] && deep= || deep=--depth=$depth
git init --quiet "$path"
cd "$path"
git config --local safe.directory "$PWD" || true
git remote add origin "$url" 2>/dev/null || git remote set-url origin "$url"
git config http.sslVerify "$sslVerify"
if [ -n "$sparse" ]; then
  git config core.sparsecheckout true
  mkdir -p .git/info
  printf '%s\\n' "$sparse" | tr ',' '\\n' > .git/info/sparse-checkout
fi
if [ -z "$revision" ]; then
  revision=$(git ls-remote --symref origin HEAD | sed -n 's#^ref: refs/heads/\\([^[:space:]]*\\).*#\\1#p')
  [ -n "$revision" ] || revision=HEAD
fi
git fetch --quiet $deep --recurse-submodules=no origin --update-head-ok --force \${refspec:-"$revision"}
if [ -n "$refspec" ]; then git checkout --quiet -f "$revision"; else git checkout --quiet -f FETCH_HEAD; fi
if [ "$submodules" = true ]; then git submodule --quiet update --recursive --init $deep; fi
echo "Successfully cloned $url @ $(git rev-parse HEAD) ($(git log -1 --pretty=%D)) in path $PWD"
`;
