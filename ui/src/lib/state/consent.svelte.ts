// Commands of a reward are run after a person has agreed to them, as they were shown.
import { agreeToCommands, failure, rewardCommands, type Failure, type Reward, type RewardCommand } from '$ipc';

export class Consent {
  /** Null while it is not known which there are. */
  commands: RewardCommand[] | null = $state.raw(null);
  error: Failure | null = $state.raw(null);
  /** Digests of those that are ticked. */
  ticked: string[] = $state([]);
  private turn = 0;

  /** Looks which commands a reward would run; what was ticked stays ticked as long as it is the same. */
  look = async (reward: Reward) => {
    const mine = ++this.turn;
    if (!reward.parts.some((part) => part.kind === 'command')) {
      [this.commands, this.error] = [[], null];
      return;
    }
    try {
      const commands = await rewardCommands(reward);
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
  tick = (digest: string, isTicked: boolean) => {
    this.ticked = isTicked ? [...this.ticked, digest] : this.ticked.filter((other) => other !== digest);
  };
  /** Keeps what is ticked. */
  keep = async (reward: Reward) => {
    if (this.asked.length) await agreeToCommands(reward, this.ticked);
  };
}
