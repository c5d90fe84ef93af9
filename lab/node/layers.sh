# Sourced in a mount namespace of its own: puts private, temporary layers over the folders of the machine in which containerd,
# Kubernetes and buildah leave files, so that these see the machine's files and the machine does not see theirs.
mount -t tmpfs -o mode=755 tmpfs /run
for dir in etc var/lib var/log usr/libexec; do
  mkdir -p "/run/layers/$dir"/{upper,work}
  mount -t overlay -o "lowerdir=/$dir,upperdir=/run/layers/$dir/upper,workdir=/run/layers/$dir/work" overlay "/$dir"
done
