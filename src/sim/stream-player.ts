/** Plays one operation of a stream on a guest kernel. */
import type { GuestKernel } from "../guest/kernel.ts";
import { MTU } from "../machine/network-link.ts";
import { Op } from "../workload/operation-stream.ts";
import type { OperationStream } from "../workload/operation-stream.ts";

/** Carry out operation `i`; Op.Request is the caller's business. */
export function playOperation(kernel: GuestKernel, stream: OperationStream, i: number): void {
  const a = stream.a[i];
  const b = stream.b[i];
  switch (stream.op[i]) {
    case Op.Touch:
      kernel.touch(a, (b & 1) === 1, b >>> 1);
      return;
    case Op.Compute:
      return kernel.compute(a);
    case Op.KernelCode:
      return kernel.entries.runCode(a);
    case Op.Syscall:
      return kernel.entries.systemCall(a, b);
    case Op.ReadFile:
      return kernel.files.read(a, b);
    case Op.WriteFile:
      return kernel.files.write(a, b, stream.c[i]);
    case Op.Send:
      return kernel.network.send(a, b === 0 ? MTU : b, stream.c[i] === 1);
    case Op.Receive:
      return kernel.network.receive(a, b === 0 ? MTU : b, stream.c[i] === 1);
    default:
      return playProcessOperation(kernel, stream, i);
  }
}

function playProcessOperation(kernel: GuestKernel, stream: OperationStream, i: number): void {
  const a = stream.a[i];
  const b = stream.b[i];
  const c = stream.c[i];
  switch (stream.op[i]) {
    case Op.Fork:
      return a === 1 ? kernel.vfork() : kernel.fork();
    case Op.Exec:
      return b === 0 ? kernel.exec(a) : kernel.exec(a, b, c & 0xff || undefined, c >>> 8 || undefined);
    case Op.Exit:
      return kernel.exit();
    case Op.Mmap:
      return kernel.map(a, b, c === 1);
    case Op.Munmap:
      return kernel.unmap(a, b);
    case Op.Mprotect:
      return kernel.protect(a, b, c === 1);
    case Op.Switch:
      return kernel.switchTo(a);
    case Op.Instruction:
      return kernel.entries.execute(a, b);
    case Op.DivideError:
      return kernel.entries.enterAndLeave("exception");
    case Op.KernelEntry:
      return a === 0 ? kernel.entries.enterAndLeave("system-call") : kernel.unhandledFault(b);
    case Op.WriteEntry:
      return kernel.writeEntry(a, b);
    case Op.Scan:
      return kernel.scan(a, b);
    case Op.DeleteFile:
      return kernel.files.delete(a, b);
    case Op.OpenFile:
    case Op.UseBlock:
      return;
    case Op.Signal:
      return a === 0 ? kernel.entries.installSignalHandler() : kernel.entries.handleSignal();
    default:
      throw new Error(`operation ${i} of the stream has the unknown code ${stream.op[i]}`);
  }
}
