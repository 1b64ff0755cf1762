// Commands of a reward are run after a person has agreed to them, as they were shown.
import { agreeToCommands, failure, rewardCommands, type Failure, type Reward, type RewardCommand } from '$ipc';

export class Consent {
  /** Null while it is not known which there are. */
  commands: RewardCommand[] | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  /** Digests of those that are ticked. */
  ticked: string[] = $state([]);
  private turn = 0;
  /** That which was looked at last. */
  private reward: Reward | null = null;
  /** The run that it is of, if it is of one. */
  private run: number | null = null;

  /** Looks which commands a reward would run; what was ticked stays ticked as long as it is the same. */
  look = async (reward: Reward, run: number | null = null) => {
    const mine = ++this.turn;
    [this.reward, this.run] = [reward, run];
    if (!reward.parts.some((part) => part.kind === 'command')) {
      [this.commands, this.error] = [[], null];
      return;
    }
    try {
      const commands = await rewardCommands(reward, run);
      if (mine === this.turn) [this.commands, this.error] = [commands, null];
    } catch (thrown) {
      if (mine === this.turn) [this.commands, this.error] = [null, failure(thrown)];
    }
  };
  /** Those that nobody has agreed to before. */
  get asked(): RewardCommand[] {
    return (this.commands ?? []).filter((command) => !command.agreed);
  }
  get isGiven(): boolean {
    return this.commands !== null && this.asked.every((command) => this.ticked.includes(command.digest));
  }
  /** Something was shown that is not ticked yet. */
  get isAwaited(): boolean {
    return this.asked.some((command) => !this.ticked.includes(command.digest));
  }
  tick = (digest: string, isTicked: boolean) => {
    this.ticked = isTicked ? [...this.ticked, digest] : this.ticked.filter((other) => other !== digest);
  };
  /** Keeps what is ticked. */
  keep = async (reward: Reward) => {
    if (this.asked.length) await agreeToCommands(reward, this.ticked, this.run);
  };
  /** Looks once more at what may have changed since it was shown, and keeps what is ticked; whether all may run. */
  settle = async (): Promise<boolean> => {
    const { reward, run } = this;
    if (reward === null) return true;
    await this.look(reward, run);
    if (!this.isGiven) return false;
    if (this.asked.length) {
      // What has changed in this moment is refused, and shown as it is now.
      await this.keep(reward).finally(() => this.look(reward, run));
    }
    return true;
  };
}
