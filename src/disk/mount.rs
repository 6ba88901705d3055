//! What the file system of a folder is like: whether other machines share it, or a program serves
//! it, and whether it is full.

use rustix::fs::{OFlags, fstatfs, fstatvfs};

use super::real::{Real, name, open_folder};

/// File systems whose names may be seen late, by the number that statfs(2) gives.
const REMOTE: [u64; 13] = [
    0x6969,      // nfs
    0x517b,      // smb
    0xfe53_4d42, // smb2
    0xff53_4d42, // cifs
    0x0bd0_0bd0, // lustre
    0x4750_4653, // gpfs
    0x1983_0326, // beegfs
    0x00c3_6400, // ceph
    0xaad7_aaea, // panfs
    0x2003_0528, // orangefs
    0x5346_414f, // afs
    0x0102_1997, // 9p
    0x6573_5546, // fuse: sshfs, s3fs and their kind
];

impl Real {
    pub(super) fn is_remote_folder(&self, folder: &[u8]) -> bool {
        let opened = open_folder(self.root(), name(folder), OFlags::empty());
        let found = opened.and_then(|opened| fstatfs(&opened));
        // Some machines have signed numbers of 32 bits here.
        found.is_ok_and(|found| REMOTE.contains(&(found.f_type as u64 & 0xffff_ffff)))
    }

    /// Not more than a sixty-fourth is free for this user: a folder that fills up fails one job after
    /// the other long before the last block has gone.
    pub(super) fn is_full_folder(&self, folder: &[u8]) -> bool {
        let opened = open_folder(self.root(), name(folder), OFlags::empty());
        let found = opened.and_then(|opened| fstatvfs(&opened));
        found.is_ok_and(|found| found.f_blocks > 0 && found.f_bavail <= found.f_blocks / 64)
    }
}
